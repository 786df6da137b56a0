// Why an iteration stopped. Words, never codes, cross into R.
#pragma once

namespace psyrl {

enum class Status { converged, max_iterations, no_progress, non_finite, interrupted };

inline const char* to_string(Status status) {
  switch (status) {
    case Status::converged: return "converged";
    case Status::max_iterations: return "max_iterations";
    case Status::no_progress: return "no_progress";
    case Status::non_finite: return "non_finite";
    case Status::interrupted: return "interrupted";
  }
  return "non_finite";
}

}  // namespace psyrl
