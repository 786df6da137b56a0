// Frozen branches: where a model takes a maximum or asks for the sign of an error its
// likelihood has kinks, and differences taken across a kink are noise. A recorded pass
// notes every branch; a replayed pass takes the same ones, so that differences of
// its derivatives are those of the smooth piece around the recorded point.
#pragma once

#include <cstddef>
#include <vector>

namespace psyrl {
namespace learning {

class BranchTape {
 public:
  /// The decision: `condition` when recording, the recorded one when replaying.
  bool decide(bool condition) {
    if (!replaying_) {
      taken_.push_back(condition);
      return condition;
    }
    return at_ < taken_.size() ? taken_[at_++] != 0 : condition;
  }
  void record() {
    replaying_ = false;
    taken_.clear();
  }
  void replay() {
    replaying_ = true;
    at_ = 0;
  }

  static BranchTape*& active() {
    static thread_local BranchTape* tape = nullptr;
    return tape;
  }

 private:
  bool replaying_ = false;
  std::size_t at_ = 0;
  std::vector<char> taken_;
};

/// How models branch on a parameter-dependent condition.
inline bool branch(bool condition) {
  BranchTape* tape = BranchTape::active();
  return tape ? tape->decide(condition) : condition;
}

/// Makes `tape` the active one of this thread for the length of a scope.
class WithTape {
 public:
  explicit WithTape(BranchTape& tape) : before_(BranchTape::active()) {
    BranchTape::active() = &tape;
  }
  ~WithTape() { BranchTape::active() = before_; }
  WithTape(const WithTape&) = delete;

 private:
  BranchTape* before_;
};

}  // namespace learning
}  // namespace psyrl
