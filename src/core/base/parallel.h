// Work in fixed chunks: the chunks depend on the data alone, never on the number
// of threads, and partial results are combined in chunk order. Results are
// therefore identical, bit for bit, for any number of threads.
//
// The core knows no thread library: it is handed an `Executor`. A chunk that
// throws is remembered in its slot and rethrown on the calling thread, because
// one of the thread libraries in use loses exceptions of its workers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <vector>

namespace psyrl {

/// Runs `task(0), ..., task(n_tasks - 1)`, in any order, on any thread. `task`
/// never throws.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void run(std::size_t n_tasks,
                   const std::function<void(std::size_t)>& task) const = 0;
};

class SerialExecutor : public Executor {
 public:
  void run(std::size_t n_tasks,
           const std::function<void(std::size_t)>& task) const override {
    for (std::size_t i = 0; i < n_tasks; ++i) task(i);
  }
};

inline std::size_t chunk_count(std::size_t n, std::size_t chunk_size) {
  return (n + chunk_size - 1) / chunk_size;
}

/// Calls `body(chunk, begin, end)` for consecutive chunks of 0..n-1.
template <class Body>
void for_chunks(const Executor& executor, std::size_t n, std::size_t chunk_size,
                const Body& body) {
  const std::size_t n_chunks = chunk_count(n, chunk_size);
  std::vector<std::exception_ptr> failures(n_chunks);
  executor.run(n_chunks, [&](std::size_t chunk) {
    try {
      const std::size_t begin = chunk * chunk_size;
      body(chunk, begin, std::min(n, begin + chunk_size));
    } catch (...) {
      failures[chunk] = std::current_exception();
    }
  });
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace psyrl
