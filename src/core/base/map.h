// Differentiable maps y = f(x) between vectors, and chains of them. A map gives its
// value and, at the point of its last value,
//
//   push v     J v                    tangents forward
//   pull g     J' g                   adjoints backward
//   bend g v   d (J(x)' g) / dx  v    what curves: second derivatives, adjoint fixed
//
// With these, an objective F that knows only y has, in x,
//
//   gradient  J' F'        Hessian products  J' F'' J v + bend(F', v)
//
// so n representations and m objectives are n + m pieces.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace psyrl {

using Numbers = std::vector<double>;

class Map {
 public:
  virtual ~Map() = default;
  virtual std::size_t n_inputs() const = 0;
  virtual std::size_t n_outputs() const = 0;
  /// y; derivatives refer to this x from now on.
  virtual Numbers value(const Numbers& x) = 0;
  virtual Numbers push(const Numbers& v) const = 0;
  virtual Numbers pull(const Numbers& g) const = 0;
  virtual Numbers bend(const Numbers& g, const Numbers& v) const = 0;
  /// How J' g moves where x moves along v and g along dg: pull dg + bend g v.
  virtual Numbers moved(const Numbers& g, const Numbers& dg, const Numbers& v) const {
    Numbers out = pull(dg);
    const Numbers bent = bend(g, v);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += bent[i];
    return out;
  }
  /// Diagonal of J' diag(d) J for a preconditioner, or a guess at it.
  virtual Numbers diagonal(const Numbers& d) const {
    double sum = 0.0;
    for (double value : d) sum += value;
    return Numbers(n_inputs(), sum / static_cast<double>(d.size()));
  }
  /// The same map, its outputs `rows` alone; null where outputs hang together.
  virtual std::unique_ptr<Map> restricted(const std::vector<int>& /*rows*/) const {
    return nullptr;
  }
};

/// One map after another.
class Chain : public Map {
 public:
  explicit Chain(std::vector<std::unique_ptr<Map>> links) : links_(std::move(links)) {}

  std::size_t n_inputs() const override { return links_.front()->n_inputs(); }
  std::size_t n_outputs() const override { return links_.back()->n_outputs(); }

  Numbers value(const Numbers& x) override {
    Numbers y = x;
    for (auto& link : links_) y = link->value(y);
    return y;
  }

  Numbers push(const Numbers& v) const override {
    Numbers out = v;
    for (const auto& link : links_) out = link->push(out);
    return out;
  }

  Numbers pull(const Numbers& g) const override {
    Numbers out = g;
    for (auto link = links_.rbegin(); link != links_.rend(); ++link)
      out = (*link)->pull(out);
    return out;
  }

  Numbers bend(const Numbers& g, const Numbers& v) const override {
    return moved(g, Numbers(n_outputs(), 0.0), v);
  }

  // Behind link i stand the adjoint of its output and how that adjoint moves.
  Numbers moved(const Numbers& g, const Numbers& dg, const Numbers& v) const override {
    std::vector<Numbers> tangent{v};
    for (std::size_t i = 0; i + 1 < links_.size(); ++i)
      tangent.push_back(links_[i]->push(tangent.back()));
    Numbers adjoint = g, motion = dg;
    for (std::size_t i = links_.size(); i-- > 0;) {
      motion = links_[i]->moved(adjoint, motion, tangent[i]);
      if (i > 0) adjoint = links_[i]->pull(adjoint);
    }
    return motion;
  }

  Numbers diagonal(const Numbers& d) const override {
    Numbers out = d;
    for (auto link = links_.rbegin(); link != links_.rend(); ++link)
      out = (*link)->diagonal(out);
    return out;
  }

  // Only the first link mixes its inputs; what follows works number by number.
  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    std::vector<std::unique_ptr<Map>> links;
    for (const auto& link : links_) {
      links.push_back(link->restricted(rows));
      if (!links.back()) return nullptr;
    }
    return std::unique_ptr<Map>(new Chain(std::move(links)));
  }

 private:
  std::vector<std::unique_ptr<Map>> links_;
};

}  // namespace psyrl
