// Executors that try the promise of core/base/parallel.h: the order and the
// thread in which tasks run change nothing.
#pragma once

#include <thread>
#include <vector>

#include "core/base/monitor.h"
#include "core/base/parallel.h"

class ReversedExecutor : public psyrl::Executor {
 public:
  void run(std::size_t n_tasks,
           const std::function<void(std::size_t)>& task) const override {
    for (std::size_t i = n_tasks; i > 0; --i) task(i - 1);
  }
};

/// Task i runs on thread i modulo the number of threads.
class StridedExecutor : public psyrl::Executor {
 public:
  explicit StridedExecutor(std::size_t threads) : threads_(threads) {}
  void run(std::size_t n_tasks,
           const std::function<void(std::size_t)>& task) const override {
    std::vector<std::thread> pool;
    for (std::size_t k = 0; k < threads_; ++k)
      pool.emplace_back([&, k] {
        for (std::size_t i = k; i < n_tasks; i += threads_) task(i);
      });
    for (auto& thread : pool) thread.join();
  }

 private:
  std::size_t threads_;
};

/// A runtime on one thread that nobody interrupts.
inline psyrl::Runtime serial_runtime() {
  static const psyrl::SerialExecutor executor;
  static const psyrl::Monitor monitor;
  return psyrl::Runtime{executor, monitor};
}
