// Read-only window on contiguous memory that somebody else owns: the core reads
// R's vectors in place, without copying and without knowing about R.
#pragma once

#include <cstddef>
#include <vector>

namespace psyrl {

template <class T>
class View {
 public:
  View() = default;
  View(const T* data, std::size_t size) : data_(data), size_(size) {}
  View(const std::vector<T>& owner) : data_(owner.data()), size_(owner.size()) {}

  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  const T* data() const { return data_; }

 private:
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace psyrl
