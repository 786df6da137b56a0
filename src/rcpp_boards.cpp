#include <Rcpp.h>

#include "board_view.h"

using namespace psyrl;
using glue::jump_label;
using glue::position_label;

// `starts`: logical vectors along rows, NA where there is no cell. `rewards`:
// jump, solved, peg. Empty if there are more than `max_states` positions.
// [[Rcpp::export]]
Rcpp::List peg_solitaire_(const Rcpp::List& starts, int n_rows,
                          const Rcpp::NumericVector& rewards, double max_states) {
  const PegBoard board = glue::peg_board(starts, n_rows, rewards);
  const std::vector<Jump> jumps = board.jumps();
  const PegGraph graph =
      enumerate_positions(jumps, board.starts, static_cast<std::size_t>(max_states));
  if (!graph.complete) return Rcpp::List();

  std::vector<std::string> states, actions;
  for (Position x : graph.position)
    states.push_back(position_label(x, board));
  for (const Jump& jump : jumps) actions.push_back(jump_label(jump, board));
  return Rcpp::List::create(
      Rcpp::_["states"] = states, Rcpp::_["actions"] = actions,
      Rcpp::_["state_start"] = graph.state_start,
      Rcpp::_["pair_action"] = graph.jump, Rcpp::_["next_state"] = graph.next_state,
      Rcpp::_["reward"] = peg_rewards(graph, board.rewards));
}
