// Programming errors: conditions that the R layer has already guaranteed.
// Numeric trouble is never reported here; it is a value and a status.
#pragma once

#include <stdexcept>
#include <string>

namespace psyrl {

/// Throws `std::invalid_argument` unless `condition` holds.
inline void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

}  // namespace psyrl
