// The small pieces of core/base, and the layout of a task.
#include <catch.h>

#include <string>
#include <vector>

#include "core/base/require.h"
#include "core/base/status.h"
#include "core/base/view.h"
#include "core/mdp/task.h"

TEST_CASE("require throws its message, and only when it must") {
  CHECK_NOTHROW(psyrl::require(true, "fine"));
  CHECK_THROWS_AS(psyrl::require(false, "not fine"), std::invalid_argument);
}

TEST_CASE("every status is a word of its own") {
  CHECK(std::string(psyrl::to_string(psyrl::Status::converged)) == "converged");
  CHECK(std::string(psyrl::to_string(psyrl::Status::max_iterations)) == "max_iterations");
  CHECK(std::string(psyrl::to_string(psyrl::Status::no_progress)) == "no_progress");
  CHECK(std::string(psyrl::to_string(psyrl::Status::non_finite)) == "non_finite");
  CHECK(std::string(psyrl::to_string(psyrl::Status::interrupted)) == "interrupted");
}

TEST_CASE("a view reads somebody else's memory") {
  const std::vector<double> owner = {1, 2, 3};
  const psyrl::View<double> view(owner);
  CHECK(view.size() == 3);
  CHECK(view.data() == owner.data());
  CHECK(std::vector<double>(view.begin(), view.end()) == owner);
  CHECK(psyrl::View<int>().empty());
}

TEST_CASE("pairs of a task are numbered by state") {
  const std::vector<int> state_start = {0, 2, 2, 5}, next_start = {0, 1, 2, 3, 4, 5};
  psyrl::Task task;
  task.state_start = state_start;
  task.next_start = next_start;
  CHECK(task.n_states() == 3);
  CHECK(task.n_pairs() == 5);
  CHECK(task.terminal(1));
  CHECK_FALSE(task.terminal(2));
  CHECK(task.n_actions(2) == 3);
  CHECK(psyrl::state_of_pair(task) == (std::vector<int>{0, 0, 2, 2, 2}));
}
