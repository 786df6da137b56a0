// Certificate of global optimality: branch and bound on the learning rates.
//
// A node is a box of intervals of alpha, one a row. Below it: the mixture
// relaxation with rates restricted to the intervals, whose bound is rigorous at any
// accuracy. Above it: a local fit from its recovered parameters. The node with the
// lowest bound is split, in the row where replacing the mixture by one rate costs
// most, at that rate. When all bounds are within the tolerance of the best fit, that
// fit is the global maximum of the likelihood.
#pragma once

#include <queue>

#include "core/convex/search.h"

namespace psyrl {
namespace convex {

struct Certificate {
  LocalFit best;
  double bound = -kInfinity;
  int nodes = 0;
  bool certified = false;
};

class BranchAndBound {
 public:
  BranchAndBound(const Design& design, const std::vector<Box>& boxes,
                 double tolerance)
      : design_(design), boxes_(boxes), tolerance_(tolerance),
        search_(design, boxes) {}

  /// Certifies `incumbent` or a better fit found on the way.
  Certificate run(const LocalFit& incumbent, int max_nodes) {
    result_.best = incumbent;
    asked_ = incumbent.objective;
    Node root;
    for (const Box& box : boxes_) root.rates.push_back(box.alpha);
    open(root);
    while (!queue_.empty() && result_.nodes < max_nodes) {
      const Node node = queue_.top();
      if (node.bound >= target()) break;
      queue_.pop();
      split(node);
    }
    const double pending = queue_.empty() ? kInfinity : queue_.top().bound;
    result_.bound = std::min({closed_, pending, result_.best.objective});
    result_.certified = result_.best.objective - result_.bound <= tolerance_;
    return result_;
  }

 private:
  struct Node {
    double bound = -kInfinity;
    std::vector<Interval> rates;
    std::vector<Atom> atoms;
    int row = 0;         // where to split
    double at = 0.0;
    bool operator<(const Node& other) const { return bound > other.bound; }
  };

  /// Bounds from here on up close a node. A better fit within the tolerance does
  /// not spoil the certificate of the incumbent, unless it leaves too little room.
  double target() const {
    const double best = result_.best.objective, own = asked_ - tolerance_;
    return own <= best - 0.1 * tolerance_ ? own : best - tolerance_;
  }

  /// Solves a node; keeps it open when its bound is too low.
  void open(Node node) {
    ++result_.nodes;
    Relaxation task = relaxation_in(design_, Family::rate, boxes_);
    task.rates = node.rates;
    task.cutoff = target() + 0.02 * tolerance_;  // the bound is rounded down
    task.gap_tolerance = 0.05 * tolerance_;
    const Relaxed relaxed = ConeSolver(design_, task).solve(inside(node));
    node.bound = std::max(node.bound, relaxed.bound);
    if (node.bound >= target()) {
      closed_ = std::min(closed_, node.bound);
      return;
    }
    node.atoms = relaxed.atoms;
    const std::vector<Component> recovered =
        recover(design_, task, node.atoms, boxes_in(node));
    polish(recovered);
    choose_split(node, recovered);
    queue_.push(node);
  }

  std::vector<Box> boxes_in(const Node& node) const {
    std::vector<Box> boxes = boxes_;
    for (std::size_t r = 0; r < boxes.size(); ++r) boxes[r].alpha = node.rates[r];
    return boxes;
  }

  /// The parent's atoms, moved into the node's intervals.
  static std::vector<Atom> inside(const Node& node) {
    std::vector<Atom> atoms = node.atoms;
    for (Atom& atom : atoms)
      atom.shape = std::min(std::max(atom.shape, node.rates[atom.row].lower),
                            node.rates[atom.row].upper);
    return atoms;
  }

  void polish(const std::vector<Component>& start) {
    const LocalFit fit = search_.fit(start, 40);
    if (fit.objective < result_.best.objective) result_.best = fit;
  }

  /// Loss when the atoms of `row` are replaced by a single rate.
  double collapsed(const Node& node, int row, const Component& single) const {
    Values x = Values::Zero(design_.n_trials, design_.n_options), p;
    for (const Atom& atom : node.atoms)
      if (atom.row != row)
        add_column(make_column(design_, atom.row, Family::rate, atom.shape),
                   atom.mass, x);
    add_column(make_column(design_, row, Family::rate, single.alpha), single.beta, x);
    return choice_loss(design_, x, p);
  }

  void choose_split(Node& node, const std::vector<Component>& recovered) const {
    double worst = -kInfinity;
    for (int r = 0; r < design_.n_rows(); ++r) {
      const Interval& rates = node.rates[r];
      if (rates.width() < 1e-9) continue;
      const double loss = collapsed(node, r, recovered[r]);
      if (loss <= worst) continue;
      worst = loss;
      node.row = r;
      node.at = split_point(rates, recovered[r].alpha);
    }
  }

  /// Keeps away from the ends, on a scale where slow rates have room.
  double split_point(const Interval& rates, double alpha) const {
    const double shift = 1.0 / std::max(design_.longest, 1);
    const double a = std::log(rates.lower + shift), b = std::log(rates.upper + shift);
    const double z = std::log(alpha + shift);
    const double inner = std::min(std::max(z, a + 0.1 * (b - a)), b - 0.1 * (b - a));
    return std::exp(inner) - shift;
  }

  void split(const Node& node) {
    if (node.rates[node.row].width() < 1e-9) {  // nothing left to split
      closed_ = std::min(closed_, node.bound);
      return;
    }
    Node low = node, high = node;
    low.rates[node.row].upper = node.at;
    high.rates[node.row].lower = node.at;
    open(low);
    open(high);
  }

  const Design& design_;
  const std::vector<Box>& boxes_;
  double tolerance_;
  double asked_ = kInfinity;  // objective of the incumbent
  LocalSearch search_;
  std::priority_queue<Node> queue_;
  double closed_ = kInfinity;  // lowest bound of the nodes that are done
  Certificate result_;
};

}  // namespace convex
}  // namespace psyrl
