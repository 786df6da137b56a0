// What a long computation is given by its caller: threads to work on, and the
// answer to its only question while it iterates: shall I go on?
#pragma once

#include "core/base/parallel.h"

namespace psyrl {

/// Asked on the calling thread, between iterations.
class Monitor {
 public:
  virtual ~Monitor() = default;
  /// True when the user asked to stop; the caller then returns what it has.
  virtual bool interrupted() const { return false; }
};

struct Runtime {
  const Executor& executor;
  const Monitor& monitor;
};

}  // namespace psyrl
