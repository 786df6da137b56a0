// The glue's side of core/base/monitor.h: RcppParallel as executor, R's interrupt
// flag as monitor.
#pragma once

#include <Rcpp.h>
#include <RcppParallel.h>

#include "core/base/monitor.h"

namespace psyrl {
namespace glue {

class TaskWorker : public RcppParallel::Worker {
 public:
  explicit TaskWorker(const std::function<void(std::size_t)>& task) : task_(task) {}
  void operator()(std::size_t begin, std::size_t end) override {
    for (std::size_t i = begin; i < end; ++i) task_(i);
  }

 private:
  const std::function<void(std::size_t)>& task_;
};

class ThreadExecutor : public Executor {
 public:
  explicit ThreadExecutor(int threads) : threads_(threads) {}
  void run(std::size_t n_tasks,
           const std::function<void(std::size_t)>& task) const override {
    if (threads_ <= 1 || n_tasks <= 1) return SerialExecutor().run(n_tasks, task);
    TaskWorker worker(task);
    RcppParallel::parallelFor(0, n_tasks, worker, 1, threads_);
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
