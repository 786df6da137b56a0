#include <catch.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "executors.h"

using psyrl::chunk_count;
using psyrl::for_chunks;

namespace {

// Numbers of very different sizes, so that another order of adding would show.
std::vector<double> wild_numbers(std::size_t n) {
  psyrl::Stream stream(1, 2, 3);
  std::vector<double> x(n);
  for (double& value : x) value = stream.normal() * std::exp(20 * stream.normal());
  return x;
}

double chunked_sum(const psyrl::Executor& executor, const std::vector<double>& x) {
  std::vector<double> part(chunk_count(x.size(), 64));
  for_chunks(executor, x.size(), 64,
             [&](std::size_t chunk, std::size_t begin, std::size_t end) {
               for (std::size_t i = begin; i < end; ++i) part[chunk] += x[i];
             });
  double sum = 0;
  for (double value : part) sum += value;
  return sum;
}

}  // namespace

TEST_CASE("chunks cover every item once, the last one being shorter") {
  CHECK(chunk_count(0, 10) == 0);
  CHECK(chunk_count(10, 10) == 1);
  CHECK(chunk_count(11, 10) == 2);
  for (std::size_t n : {0, 1, 9, 10, 11, 95}) {
    std::vector<int> visits(n);
    std::vector<std::size_t> begins(chunk_count(n, 10));
    for_chunks(StridedExecutor(3), n, 10,
               [&](std::size_t chunk, std::size_t begin, std::size_t end) {
                 begins[chunk] = begin;
                 for (std::size_t i = begin; i < end; ++i) ++visits[i];
               });
    CHECK(visits == std::vector<int>(n, 1));
    for (std::size_t chunk = 0; chunk < begins.size(); ++chunk)
      CHECK(begins[chunk] == chunk * 10);
  }
}

TEST_CASE("sums have the same bits in any order and on any number of threads") {
  const std::vector<double> x = wild_numbers(10007);
  const double sum = chunked_sum(psyrl::SerialExecutor(), x);
  CHECK(chunked_sum(ReversedExecutor(), x) == sum);
  for (std::size_t threads : {1, 2, 5})
    CHECK(chunked_sum(StridedExecutor(threads), x) == sum);
}

TEST_CASE("the first failing chunk is reported, and the others still run") {
  const ReversedExecutor reversed;
  const StridedExecutor threaded(2);
  for (const psyrl::Executor* executor :
       {static_cast<const psyrl::Executor*>(&reversed),
        static_cast<const psyrl::Executor*>(&threaded)}) {
    std::vector<int> visits(6);
    std::string caught;
    try {
      for_chunks(*executor, 6, 1, [&](std::size_t chunk, std::size_t, std::size_t) {
        ++visits[chunk];
        if (chunk == 2 || chunk == 4)
          throw std::runtime_error("chunk " + std::to_string(chunk));
      });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    CHECK(caught == "chunk 2");
    CHECK(visits == std::vector<int>(6, 1));
  }
}
