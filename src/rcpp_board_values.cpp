// Glue of boards that are enumerated on demand; used by R/task-board.R. `rules` is a
// list `starts, n_rows, rewards` (board_view.h).
#include <Rcpp.h>

#include "board_view.h"
#include "core/mdp/board_play.h"
#include "runtime.h"

using namespace psyrl;
using glue::peg_board;

namespace {

using PositionsPointer = Rcpp::XPtr<BoardPositions>;
using LinksPointer = Rcpp::XPtr<BoardLinks>;
using ValuesPointer = Rcpp::XPtr<BoardValues>;

std::vector<Position> read_positions(const Rcpp::CharacterVector& labels,
                                     const PegBoard& board) {
  std::vector<Position> x(labels.size());
  for (int i = 0; i < labels.size(); ++i)
    require(glue::read_position(std::string(labels[i]), board, x[i]),
            "labels are positions");
  return x;
}

Rcpp::CharacterVector cell_labels(const PegBoard& board) {
  Rcpp::CharacterVector labels;
  for (std::size_t i = 0; i < board.valid.size(); ++i)
    if (board.valid[i]) labels.push_back(glue::cell_label(static_cast<int>(i), board));
  return labels;
}

// Cells of positions, a row a position: 1 a peg, 0 a hole.
Rcpp::NumericMatrix cells_of(const std::vector<Position>& x, const PegBoard& board,
                             const Rcpp::CharacterVector& labels) {
  Rcpp::NumericMatrix cells(static_cast<int>(x.size()), static_cast<int>(labels.size()));
  int column = 0;
  for (std::size_t i = 0; i < board.valid.size(); ++i) {
    if (!board.valid[i]) continue;
    for (std::size_t k = 0; k < x.size(); ++k)
      cells(k, column) = x[k] >> i & 1;
    ++column;
  }
  Rcpp::colnames(cells) = labels;
  return cells;
}

// Values of jumps by the user's function of the positions they lead to.
class FunctionValues {
 public:
  FunctionValues(const Rcpp::Function& f, const BoardPlayer& player, const PegBoard& board)
      : f_(f), player_(player), board_(board), labels_(cell_labels(board)) {}

  int operator()(Position x, int* jump, double* q) const {
    const int n = player_.legal()(x, jump);
    if (n == 0) return 0;
    std::vector<Position> after(n);
    for (int i = 0; i < n; ++i) after[i] = player_.jumps()[jump[i]].apply(x);
    const Rcpp::NumericVector found = f_(cells_of(after, board_, labels_));
    require(found.size() == n, "a number a position");
    std::copy(found.begin(), found.end(), q);
    return n;
  }

 private:
  Rcpp::Function f_;
  const BoardPlayer& player_;
  const PegBoard& board_;
  Rcpp::CharacterVector labels_;
};

Rcpp::List as_log(const BoardLog& log, const PegBoard& board) {
  Rcpp::CharacterVector states(log.positions.position.size());
  for (R_xlen_t i = 0; i < states.size(); ++i)
    states[i] = glue::position_label(log.positions.position[i], board);
  return Rcpp::List::create(
      Rcpp::_["person"] = log.person, Rcpp::_["episode"] = log.episode,
      Rcpp::_["step"] = log.step, Rcpp::_["state"] = log.state,
      Rcpp::_["action"] = log.jump, Rcpp::_["next_state"] = log.next,
      Rcpp::_["reward"] = log.reward,
      Rcpp::_["done"] = Rcpp::LogicalVector(log.done.begin(), log.done.end()),
      Rcpp::_["truncated"] =
          Rcpp::LogicalVector(log.truncated.begin(), log.truncated.end()),
      Rcpp::_["states"] = states);
}

}  // namespace

// Could all positions be held in a table?
// [[Rcpp::export]]
bool board_fits_(const Rcpp::List& rules) {
  return PositionCode(peg_board(rules)).short_enough();
}

// All positions up to symmetry, or NULL if there are too many.
// [[Rcpp::export]]
SEXP board_positions_(const Rcpp::List& rules) {
  const glue::RuntimeOwner runtime(1);
  PositionsPointer positions(new BoardPositions(peg_board(rules), runtime.get().monitor));
  if (runtime.get().monitor.interrupted()) throw Rcpp::internal::InterruptedException();
  if (!positions->complete()) return R_NilValue;
  return positions;
}

// [[Rcpp::export]]
Rcpp::NumericVector board_size_(SEXP positions) {
  const PositionsPointer p(positions);
  return Rcpp::NumericVector::create(Rcpp::_["positions"] = p->size(),
                                     Rcpp::_["moves"] = p->n_moves());
}

// Where all jumps lead, for many solutions of one board.
// [[Rcpp::export]]
SEXP board_links_(SEXP positions, int threads) {
  const glue::RuntimeOwner runtime(threads);
  LinksPointer links(new BoardLinks(*PositionsPointer(positions), runtime.get()));
  if (!links->complete()) throw Rcpp::internal::InterruptedException();
  return links;
}

// Exact values of all positions. `links`: what board_links_() made, or NULL.
// `settings`: discount, temperature, mellow, threads.
// [[Rcpp::export]]
SEXP board_values_(SEXP positions, SEXP links, const Rcpp::List& rules,
                   const Rcpp::List& settings) {
  const PositionsPointer p(positions);
  const glue::RuntimeOwner runtime(Rcpp::as<int>(settings["threads"]));
  BoardSettings wanted;
  wanted.rewards = peg_board(rules).rewards;
  wanted.discount = Rcpp::as<double>(settings["discount"]);
  wanted.temperature = Rcpp::as<double>(settings["temperature"]);
  wanted.backup = Rcpp::as<bool>(settings["mellow"]) ? Backup::mellow : Backup::soft;
  // Holds the positions for as long as it lives.
  ValuesPointer values(
      Rf_isNull(links)
          ? new BoardValues(*p, wanted, runtime.get())
          : new BoardValues(*p, *LinksPointer(links), wanted, runtime.get()),
      true, R_NilValue, positions);
  if (!values->complete()) throw Rcpp::internal::InterruptedException();
  return values;
}

// Root mean square of the centred values in random play.
// [[Rcpp::export]]
double board_rms_(SEXP values, const Rcpp::List& rules, int threads) {
  return ValuesPointer(values)->play_rms(peg_board(rules).starts,
                                         glue::RuntimeOwner(threads).get());
}

// Which labels are no positions of this board that sums of jumps could lead to?
// Numbers from 1.
// [[Rcpp::export]]
std::vector<int> not_positions_(const Rcpp::List& rules,
                                const Rcpp::CharacterVector& labels) {
  const PegBoard board = peg_board(rules);
  const PositionCode code(board);
  std::vector<int> bad;
  for (int i = 0; i < labels.size(); ++i) {
    Position x;
    if (!glue::read_position(std::string(labels[i]), board, x) || !code.knows(x))
      bad.push_back(i + 1);
  }
  return bad;
}

// Which positions can no game come to? Numbers from 1.
// [[Rcpp::export]]
std::vector<int> never_reached_(SEXP positions, const Rcpp::List& rules,
                                const Rcpp::CharacterVector& labels) {
  const PositionsPointer p(positions);
  const std::vector<Position> x = read_positions(labels, peg_board(rules));
  std::vector<int> bad;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!p->contains(x[i])) bad.push_back(static_cast<int>(i) + 1);
  return bad;
}

// The legal pairs of these positions; a next state of -1 is none of them.
// [[Rcpp::export]]
Rcpp::List board_region_(const Rcpp::List& rules, const Rcpp::CharacterVector& states) {
  const PegBoard board = peg_board(rules);
  const BoardRegion region = lay_out(board, read_positions(states, board));
  Rcpp::CharacterVector actions;
  for (const Jump& jump : board.jumps()) actions.push_back(glue::jump_label(jump, board));
  return Rcpp::List::create(
      Rcpp::_["actions"] = actions, Rcpp::_["state_start"] = region.state_start,
      Rcpp::_["pair_action"] = region.jump, Rcpp::_["next_state"] = region.next,
      Rcpp::_["reward"] = region.reward);
}

// Cells of the positions that the legal jumps of `states` lead to, a row a pair.
// [[Rcpp::export]]
Rcpp::NumericMatrix board_cells_(const Rcpp::List& rules,
                                 const Rcpp::CharacterVector& states) {
  const PegBoard board = peg_board(rules);
  return cells_of(lay_out(board, read_positions(states, board)).after, board,
                  cell_labels(board));
}

// Exact q of the legal pairs of these positions.
// [[Rcpp::export]]
std::vector<double> board_q_(SEXP values, const Rcpp::List& rules,
                             const Rcpp::CharacterVector& states) {
  const ValuesPointer solved(values);
  int jump[LegalJumps::kMost];
  double q[LegalJumps::kMost];
  std::vector<double> out;
  for (Position x : read_positions(states, peg_board(rules)))
    out.insert(out.end(), q, q + solved->values(x, jump, q));
  return out;
}

// Games of persons who follow `values`: exact ones, or a function of the cells of
// positions.
// [[Rcpp::export]]
Rcpp::List play_board_(const Rcpp::List& rules, SEXP values,
                       const Rcpp::NumericVector& beta, const Rcpp::List& spec) {
  const PegBoard board = peg_board(rules);
  const std::vector<std::string> names =
      Rcpp::as<std::vector<std::string>>(spec["names"]);
  const auto seed = static_cast<std::uint64_t>(Rcpp::as<double>(spec["seed"]));
  const BoardPlayer player(board, Rcpp::as<int>(spec["episodes"]),
                           Rcpp::as<int>(spec["max_steps"]));
  const std::uint64_t purpose = 1;
  BoardLog log;
  for (int j = 0; j < beta.size(); ++j) {
    Rcpp::checkUserInterrupt();
    const Stream stream(seed, purpose, stream_index(names[j]));
    if (TYPEOF(values) == EXTPTRSXP) {
      const ValuesPointer solved(values);
      const auto exact = [&](Position x, int* jump, double* q) {
        return solved->values(x, jump, q);
      };
      player.add_person(j, beta[j], exact, stream, log);
    } else {
      player.add_person(j, beta[j], FunctionValues(values, player, board), stream, log);
    }
  }
  return as_log(log, board);
}
