// The glue's side of core/base/monitor.h: RcppParallel as executor, R's interrupt
// flag as monitor. RcppParallel works with its own threads here, not with TBB
// (Makevars): up to version 5 it opens an arena of TBB for every loop, of which oneTBB
// frees none (its issue 967), so that loops grow slower from fit to fit.
#pragma once

#include <Rcpp.h>
#include <RcppParallel.h>

#include <algorithm>
#include <atomic>

#include "core/base/monitor.h"

namespace psyrl {
namespace glue {

/// One of a crew that takes tasks as they come.
class CrewMember : public RcppParallel::Worker {
 public:
  CrewMember(std::size_t n_tasks, const std::function<void(std::size_t)>& task)
      : n_tasks_(n_tasks), task_(task) {}
  void operator()(std::size_t, std::size_t) override {
    for (std::size_t i; (i = next_++) < n_tasks_;) task_(i);
  }

 private:
  const std::size_t n_tasks_;
  const std::function<void(std::size_t)>& task_;
  std::atomic<std::size_t> next_{0};
};

class ThreadExecutor : public Executor {
 public:
  explicit ThreadExecutor(int threads) : threads_(threads) {}
  void run(std::size_t n_tasks,
           const std::function<void(std::size_t)>& task) const override {
    if (threads_ <= 1 || n_tasks <= 1) return SerialExecutor().run(n_tasks, task);
    CrewMember crew(n_tasks, task);
    RcppParallel::parallelFor(0, std::min<std::size_t>(threads_, n_tasks), crew);
  }

 private:
  int threads_;
};

/// Polls R's interrupt flag; once raised it stays raised, so that nested loops
/// all unwind.
class InterruptMonitor : public Monitor {
 public:
  bool interrupted() const override {
    if (!raised_) raised_ = R_ToplevelExec(check, nullptr) == FALSE;
    return raised_;
  }

 private:
  static void check(void*) { R_CheckUserInterrupt(); }
  mutable bool raised_ = false;
};

/// Owns both for the length of one glue call.
class RuntimeOwner {
 public:
  explicit RuntimeOwner(int threads) : executor_(threads) {}
  Runtime get() const { return Runtime{executor_, monitor_}; }

 private:
  ThreadExecutor executor_;
  InterruptMonitor monitor_;
};

inline View<double> view(const Rcpp::NumericVector& x) {
  return View<double>(x.begin(), x.size());
}

inline View<int> view(const Rcpp::IntegerVector& x) {
  return View<int>(x.begin(), x.size());
}

}  // namespace glue
}  // namespace psyrl
