// Counter-based random numbers: a stream is named by (seed, purpose, index), so
// what is drawn for person 17 does not depend on who else is drawn, on threads or
// on the standard library's distributions.
//
// Generator: splitmix64 on a Weyl sequence whose start and odd increment are
// hashed from the name (Steele, Lea & Flood 2014, "Fast splittable pseudorandom
// number generators").
#pragma once

#include <cmath>
#include <cstdint>

namespace psyrl {

class Stream {
 public:
  Stream(std::uint64_t seed, std::uint64_t purpose, std::uint64_t index)
      : state_(mix(mix(mix(seed) + purpose) + index)),
        increment_(mix(state_ + 0x9e3779b97f4a7c15ULL) | 1ULL) {}

  std::uint64_t bits() { return mix(state_ += increment_); }

  /// Uniform on the open interval (0, 1).
  double uniform() {
    return (static_cast<double>(bits() >> 11) + 0.5) * 1.1102230246251565e-16;
  }

  /// Standard normal (Box-Muller, one of the pair).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

  /// Index drawn with the given probabilities, which sum to one over 0..n-1.
  int categorical(const double* probability, int n) {
    const double u = uniform();
    double cumulated = 0.0;
    for (int i = 0; i + 1 < n; ++i) {
      cumulated += probability[i];
      if (u < cumulated) return i;
    }
    return n - 1;
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  std::uint64_t increment_;
};

}  // namespace psyrl
