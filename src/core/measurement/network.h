// Multilayer perceptron on features of pairs, tanh units and a linear output:
//
//   A_0 = X,  Z_l = A_{l-1} W_l + 1 b_l',  A_l = tanh Z_l,  y = Z_L
//
// theta = (W_1, b_1, ..., W_L, b_L), columns of W first. With dA the tangent of A
// along v, D the adjoint of Z and E how D moves along v (Pearlmutter 1994, "Fast
// exact multiplication by the Hessian"),
//
//   dZ_l = dA_{l-1} W_l + A_{l-1} dW_l + db_l       dA_l = (1 - A_l^2) dZ_l
//   D_{l-1} = (D_l W_l') (1 - A_{l-1}^2)            pull W_l: A_{l-1}' D_l
//   E_{l-1} = (E_l W_l' + D_l dW_l') (1 - A^2) - 2 (D_l W_l') A dA
//   bend W_l: dA_{l-1}' D_l + A_{l-1}' E_l
//
// Rows are worked on in chunks. Activations are kept from one value to the next if
// they are few, else made anew in each chunk: memory does not grow with the number of
// pairs.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <numeric>

#include "core/base/map.h"
#include "core/base/monitor.h"

namespace psyrl {

class NetworkMap : public Map {
 public:
  using Matrix = Eigen::MatrixXd;

  /// `hidden`: units of the hidden layers. The executor must outlive the map.
  NetworkMap(Matrix features, const std::vector<int>& hidden, const Executor& executor)
      : x_(std::move(features)), executor_(&executor) {
    width_.push_back(static_cast<int>(x_.cols()));
    width_.insert(width_.end(), hidden.begin(), hidden.end());
    width_.push_back(1);
  }

  std::size_t n_inputs() const override {
    std::size_t n = 0;
    for (int l = 1; l <= n_layers(); ++l) n += (width_[l - 1] + 1) * width_[l];
    return n;
  }
  std::size_t n_outputs() const override { return x_.rows(); }

  Numbers value(const Numbers& theta) override {
    theta_ = unpack(theta);
    kept_.clear();
    std::vector<std::vector<Matrix>> kept(few() ? chunk_count(n_outputs(), kRows) : 0);
    Numbers y(n_outputs());
    each_chunk([&](std::size_t c, int begin, int n) {
      std::vector<Matrix> a = make_activations(begin, n);
      Eigen::Map<Matrix>(&y[begin], n, 1) = a.back();
      if (!kept.empty()) kept[c] = std::move(a);
    });
    kept_ = std::move(kept);
    return y;
  }

  Numbers push(const Numbers& v) const override {
    const std::vector<Layer> along = unpack(v);
    Numbers dy(n_outputs());
    each_chunk([&](std::size_t, int begin, int n) {
      std::vector<Matrix> made;
      const std::vector<Matrix>& a = activations(begin, n, made);
      Eigen::Map<Matrix>(&dy[begin], n, 1) = tangents(a, along).back();
    });
    return dy;
  }

  Numbers pull(const Numbers& g) const override {
    return summed([&](int begin, int n, std::vector<Layer>& out) {
      std::vector<Matrix> made;
      const std::vector<Matrix>& a = activations(begin, n, made);
      Matrix d = Eigen::Map<const Matrix>(&g[begin], n, 1);
      for (int l = n_layers(); l >= 1; --l) {
        add(a[l - 1].transpose() * d, d, out[l - 1]);
        if (l > 1)
          d = ((d * theta_[l - 1].w.transpose()).array() * slope(a[l - 1])).matrix();
      }
    });
  }

  Numbers bend(const Numbers& g, const Numbers& v) const override {
    return moved(g, Numbers(n_outputs(), 0.0), v);
  }

  Numbers moved(const Numbers& g, const Numbers& dg, const Numbers& v) const override {
    const std::vector<Layer> along = unpack(v);
    return summed([&](int begin, int n, std::vector<Layer>& out) {
      std::vector<Matrix> made;
      const std::vector<Matrix>& a = activations(begin, n, made);
      const std::vector<Matrix> da = tangents(a, along);
      Matrix d = Eigen::Map<const Matrix>(&g[begin], n, 1);
      Matrix e = Eigen::Map<const Matrix>(&dg[begin], n, 1);
      for (int l = n_layers(); l >= 1; --l) {
        add(da[l - 1].transpose() * d + a[l - 1].transpose() * e, e, out[l - 1]);
        if (l == 1) break;
        const Matrix back = d * theta_[l - 1].w.transpose();
        const Matrix moved =
            e * theta_[l - 1].w.transpose() + d * along[l - 1].w.transpose();
        e = (moved.array() * slope(a[l - 1]) -
             2.0 * back.array() * a[l - 1].array() * da[l - 1].array()).matrix();
        d = (back.array() * slope(a[l - 1])).matrix();
      }
    });
  }

  std::unique_ptr<Map> restricted(const std::vector<int>& rows) const override {
    Matrix part(rows.size(), x_.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) part.row(i) = x_.row(rows[i]);
    const std::vector<int> hidden(width_.begin() + 1, width_.end() - 1);
    return std::unique_ptr<Map>(new NetworkMap(std::move(part), hidden, *executor_));
  }

 private:
  struct Layer {
    Matrix w;                // [width_{l-1} x width_l]
    Eigen::RowVectorXd b;    // [width_l]
  };
  enum : int { kRows = 512, kMostKept = 1 << 23 };

  int n_layers() const { return static_cast<int>(width_.size()) - 1; }

  std::vector<Layer> unpack(const Numbers& theta) const {
    std::vector<Layer> layers(n_layers());
    const double* at = theta.data();
    for (int l = 1; l <= n_layers(); ++l) {
      layers[l - 1].w = Eigen::Map<const Matrix>(at, width_[l - 1], width_[l]);
      at += width_[l - 1] * width_[l];
      layers[l - 1].b = Eigen::Map<const Eigen::RowVectorXd>(at, width_[l]);
      at += width_[l];
    }
    return layers;
  }

  std::vector<Layer> zeros() const { return unpack(Numbers(n_inputs(), 0.0)); }

  static Eigen::ArrayXXd slope(const Matrix& a) { return 1.0 - a.array().square(); }

  template <class Product>
  static void add(const Product& w, const Matrix& d, Layer& out) {
    out.w += w;
    out.b += d.colwise().sum();
  }

  bool few() const {
    const int units = std::accumulate(width_.begin(), width_.end(), 0);
    return n_outputs() * units <= kMostKept;
  }

  // A_0 .. A_{L-1}, and y at the end: those that were kept, or else in `made`.
  const std::vector<Matrix>& activations(int begin, int n, std::vector<Matrix>& made) const {
    if (!kept_.empty()) return kept_[begin / kRows];
    return made = make_activations(begin, n);
  }

  std::vector<Matrix> make_activations(int begin, int n) const {
    std::vector<Matrix> a{x_.middleRows(begin, n)};
    for (int l = 1; l <= n_layers(); ++l) {
      Matrix z = a.back() * theta_[l - 1].w;
      z.rowwise() += theta_[l - 1].b;
      // tanh, by the exponential of which several are made at once.
      if (l < n_layers()) z = (1.0 - 2.0 / ((2.0 * z.array()).exp() + 1.0)).matrix();
      a.push_back(std::move(z));
    }
    return a;
  }

  // Their tangents.
  std::vector<Matrix> tangents(const std::vector<Matrix>& a,
                               const std::vector<Layer>& along) const {
    std::vector<Matrix> da{Matrix::Zero(a[0].rows(), a[0].cols())};
    for (int l = 1; l <= n_layers(); ++l) {
      Matrix dz = a[l - 1] * along[l - 1].w;
      if (l > 1) dz += da.back() * theta_[l - 1].w;
      dz.rowwise() += along[l - 1].b;
      if (l < n_layers()) dz = (dz.array() * slope(a[l])).matrix();
      da.push_back(std::move(dz));
    }
    return da;
  }

  template <class Body>
  void each_chunk(const Body& body) const {
    for_chunks(*executor_, n_outputs(), kRows,
               [&](std::size_t c, std::size_t begin, std::size_t end) {
                 body(c, static_cast<int>(begin), static_cast<int>(end - begin));
               });
  }

  // Sums over chunks, in their order.
  template <class Body>
  Numbers summed(const Body& body) const {
    std::vector<std::vector<Layer>> part(chunk_count(n_outputs(), kRows));
    each_chunk([&](std::size_t c, int begin, int n) {
      part[c] = zeros();
      body(begin, n, part[c]);
    });
    Numbers out(n_inputs(), 0.0);
    for (const auto& layers : part) {
      double* at = out.data();
      for (const Layer& layer : layers) {
        for (int i = 0; i < layer.w.size(); ++i) *at++ += layer.w.data()[i];
        for (int i = 0; i < layer.b.size(); ++i) *at++ += layer.b.data()[i];
      }
    }
    return out;
  }

  Matrix x_;                   // [n_pairs x n_features]
  std::vector<int> width_;     // features, hidden units, 1
  const Executor* executor_;
  std::vector<Layer> theta_;
  std::vector<std::vector<Matrix>> kept_;  // activations by chunk, or empty
};

}  // namespace psyrl
