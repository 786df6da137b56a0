#include <catch.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/mdp/backup.h"
#include "core/mdp/blocks.h"
#include "core/mdp/policy_lu.h"
#include "core/mdp/policy_system.h"
#include "core/mdp/solve.h"
#include "tasks.h"

using namespace psyrl;

namespace {

SolveSettings settings(double temperature, Backup backup = Backup::soft) {
  SolveSettings s;
  s.temperature = temperature;
  s.backup = backup;
  return s;
}

// Plain value iteration, the slow reference.
std::vector<double> iterate_values(const Task& task, const SolveSettings& s, int rounds) {
  std::vector<double> v(task.n_states()), q(task.n_pairs());
  for (int round = 0; round < rounds; ++round) {
    for (int p = 0; p < task.n_pairs(); ++p) {
      q[p] = task.reward[p];
      for (int k = task.next_start[p]; k < task.next_start[p + 1]; ++k)
        q[p] += task.discount * task.probability[k] * v[task.next_state[k]];
    }
    for (int i = 0; i < task.n_states(); ++i)
      if (!task.terminal(i))
        v[i] =
            back_up(&q[task.first_pair(i)], task.n_actions(i), s.temperature, s.backup);
  }
  return v;
}

bool returns(const Blocks& blocks) {
  return std::count(blocks.cyclic.begin(), blocks.cyclic.end(), 1) > 0;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("backups are ordered, and meet the maximum as the temperature falls") {
  const std::vector<double> q = {1.0, -0.5, 0.9};
  for (double tau : {1e-3, 0.1, 1.0, 50.0}) {
    const double soft = back_up(q.data(), 3, tau, Backup::soft);
    const double mellow = back_up(q.data(), 3, tau, Backup::mellow);
    CHECK(soft >= 1.0);
    CHECK(mellow <= 1.0);
    CHECK(soft - mellow == Approx(tau * std::log(3.0)));
  }
  for (Backup backup : {Backup::soft, Backup::mellow}) {
    CHECK(back_up(q.data(), 3, 0.0, backup) == 1.0);
    CHECK(back_up(q.data(), 3, 1e-3, backup) == Approx(1.0).epsilon(2e-3));
    CHECK(back_up(q.data(), 1, 7.0, backup) == 1.0);
  }
  const std::vector<double> far = {-1e5, 1e5};
  CHECK(back_up(far.data(), 2, 1e-3, Backup::soft) == 1e5);
}

TEST_CASE("the policy of a backup is its gradient") {
  const double h = 1e-6;
  for (Backup backup : {Backup::soft, Backup::mellow}) {
    for (double tau : {0.2, 3.0}) {
      std::vector<double> q = {0.4, -1.0, 0.7, 0.7}, policy(4);
      back_up(q.data(), 4, tau, backup, policy.data());
      for (int i = 0; i < 4; ++i) {
        std::vector<double> up = q, down = q;
        up[i] += h;
        down[i] -= h;
        const double slope =
            (back_up(up.data(), 4, tau, backup) - back_up(down.data(), 4, tau, backup)) /
            (2 * h);
        CHECK(policy[i] == Approx(slope).epsilon(1e-7));
      }
    }
  }
}

TEST_CASE("blocks come after what they lead to") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    OwnedTask owned = random_task(40, 1, 1, 0.9, seed);
    const Task& task = owned.get();
    const Blocks blocks = find_blocks(task);
    std::vector<int> states = blocks.state;
    std::sort(states.begin(), states.end());
    bool complete = true, ordered = true;
    for (int s = 0; s < 40; ++s) {
      complete &= states[s] == s;
      ordered &= blocks.block[task.next_state[s]] <= blocks.block[s];
    }
    CHECK(complete);
    CHECK(ordered);
    CHECK(returns(blocks));  // one successor each: somewhere it returns
  }
}

TEST_CASE("loops are told from paths") {
  OwnedTask owned(0.9);
  owned.add_state({leads_to(1), leads_to(3)});  // 0, on no loop
  owned.add_state({leads_to(2)});               // 1 and 2 lead to each other
  owned.add_state({leads_to(1), leads_to(3)});
  owned.add_state({leads_to(3), leads_to(4)});  // 3 leads to itself
  owned.add_state({});
  const Blocks blocks = find_blocks(owned.get());
  CHECK(blocks.size() == 4);
  CHECK(blocks.block[1] == blocks.block[2]);
  CHECK(blocks.cyclic[blocks.block[1]] == 1);
  CHECK(blocks.cyclic[blocks.block[3]] == 1);
  CHECK(blocks.cyclic[blocks.block[0]] == 0);
  CHECK(blocks.cyclic[blocks.block[4]] == 0);
  CHECK(endless_states(owned.get()) == (std::vector<int>{0, 1, 2, 3}));
}

TEST_CASE("a path as long as the task needs no recursion") {
  const int n = 200000;
  OwnedTask owned(1.0);
  for (int s = 0; s + 1 < n; ++s) owned.add_state({leads_to(s + 1, 1.0)});
  owned.add_state({});
  CHECK_FALSE(returns(find_blocks(owned.get())));
  CHECK(endless_states(owned.get()).empty());
  const Solution solution = solve(owned.get(), settings(0));
  CHECK(solution.v[0] == n - 1);
  CHECK(solution.factorisations == 0);
}

TEST_CASE("a chance of ending at every turn means that nobody stays for ever") {
  OwnedTask owned(1.0);
  owned.add_state({{1.0, {0, 1}, {0.75, 0.25}}});
  owned.add_state({});
  CHECK(endless_states(owned.get()).empty());
  const Solution solution = solve(owned.get(), settings(0));
  CHECK(solution.status == Status::converged);
  CHECK(solution.v[0] == Approx(4.0));
}

TEST_CASE("a loop of one state has the value of its series") {
  OwnedTask owned(0.9);
  owned.add_state({leads_to(0, 1.0), leads_to(0, 1.0)});
  // Two equal actions: V = r + gamma V + tau log 2 under soft backup.
  CHECK(solve(owned.get(), settings(0)).v[0] == Approx(10));
  CHECK(solve(owned.get(), settings(0.5)).v[0] == Approx(10 + 5 * std::log(2.0)));
  CHECK(solve(owned.get(), settings(0.5, Backup::mellow)).v[0] == Approx(10));
}

TEST_CASE("exact values agree with value iteration") {
  for (double temperature : {0.0, 0.3, 2.0}) {
    for (Backup backup : {Backup::soft, Backup::mellow}) {
      OwnedTask owned = random_task(30, 3, 4, 0.8, 5);
      const SolveSettings s = settings(temperature, backup);
      const Solution solution = solve(owned.get(), s);
      CHECK(solution.status == Status::converged);
      CHECK(largest_difference(solution.v, iterate_values(owned.get(), s, 300)) < 1e-12);
    }
  }
}

TEST_CASE("patience costs no accuracy") {
  for (double discount : {0.99, 0.9999}) {
    OwnedTask owned = random_task(100, 4, 100, discount, 9);
    const SolveSettings s = settings(0.5);
    const Solution solution = solve(owned.get(), s);
    CHECK(solution.status == Status::converged);
    CHECK(solution.factorisations <= 3);
    // One more sweep from the solution stays where it is.
    std::vector<double> v(100);
    for (int i = 0; i < 100; ++i)
      v[i] = back_up(&solution.q[owned.get().first_pair(i)], 4, 0.5, Backup::soft);
    double scale = 0;
    for (double x : v) scale = std::max(scale, std::fabs(x));
    CHECK(largest_difference(v, solution.v) < 1e-11 * scale);
  }
}

TEST_CASE("policy systems solve with the matrix and its transpose") {
  for (int n : {12, 150, 900}) {  // factorisation and, last, iteration
    OwnedTask owned = random_task(n, 2, 3, 0.95, 3);
    const Task& task = owned.get();
    const std::vector<double> policy(task.n_pairs(), 0.5);
    const Blocks blocks = find_blocks(task);
    PolicySystem system(task, blocks, policy);
    REQUIRE(system.regular());
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(n, n);
    const std::vector<int> state = state_of_pair(task);
    for (int p = 0; p < task.n_pairs(); ++p)
      for (int k = task.next_start[p]; k < task.next_start[p + 1]; ++k)
        matrix(state[p], task.next_state[k]) -= 0.95 * 0.5 * task.probability[k];
    Stream stream(1, 2, 3);
    Eigen::VectorXd b(n);
    for (int i = 0; i < n; ++i) b[i] = stream.normal();
    CHECK((matrix * system.solve(b) - b).norm() < 1e-10);
    CHECK((matrix.transpose() * system.solve_transposed(b) - b).norm() < 1e-10);
  }
}

TEST_CASE("walks on a grid are eliminated sparsely, in one order for all policies") {
  for (int width : {3, 12}) {
    const int n = width * width;
    EliminationPlan::Places places;
    for (int i = 0; i < n; ++i) {
      if (i % width > 0) places.emplace_back(i, i - 1);
      if (i % width < width - 1) places.emplace_back(i, i + 1);
      if (i >= width) places.emplace_back(i, i - width);
      if (i < n - width) places.emplace_back(i, i + width);
    }
    const EliminationPlan plan(n, places);
    CHECK(plan.full() == (width == 3));
    PolicyLu lu;
    for (int policy = 0; policy < 3; ++policy) {
      Stream stream(1, 2, policy);
      Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(n, n);
      for (const auto& at : places) matrix(at.first, at.second) = -0.25 * stream.uniform();
      REQUIRE(lu.compute(plan, [&](int row, const auto& add) {
        for (int column = 0; column < n; ++column)
          if (matrix(row, column) != 0.0) add(column, matrix(row, column));
      }));
      const Columns<2> b = Columns<2>::Random(n, 2);
      Columns<2> x = b, y = b;
      lu.solve<2>(x);
      lu.solve_transposed<2>(y);
      CHECK((matrix * x.matrix() - b.matrix()).norm() < 1e-12);
      CHECK((matrix.transpose() * y.matrix() - b.matrix()).norm() < 1e-12);
      const PolicyInverse inverse = lu.inverse();
      const Eigen::MatrixXd dense = matrix.inverse();
      for (const auto& at : places) {
        CHECK(std::abs(inverse(at.first, at.second) - dense(at.first, at.second)) < 1e-12);
        CHECK(std::abs(inverse(at.first, at.first) - dense(at.first, at.first)) < 1e-12);
      }
      CHECK(std::abs(lu.log_determinant() - std::log(matrix.determinant())) < 1e-12);
    }
    const auto nothing = [](int, const auto& add) { add(0, 0.0); };
    CHECK_FALSE(lu.compute(plan, nothing));  // singular
  }
}
