// The Laplace evidence of the population parameters and its gradient.
//
//   E(eta) = f(u^) + 1/2 log det H(u^) + hyper-priors,     u^ = argmin f
//   dE/deta_i = df/deta_i + 1/2 mean_k x_k' dH/deta_i z_k,  x_k = H^-1 z_k
//
// with 24 Rademacher probes z_k that never change (unit vectors on tasks of up to 200
// pairs, which makes traces exact), in blocks of 8 columns, and H
// without the curvature of the backup, which would make E rough at small tau. H
// is differenced along the path of u^: du = -H^-1 d(df/du)/deta.
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "core/base/rng.h"
#include "core/measurement/evidence_model.h"

namespace psyrl {

constexpr int kBlock = 8;
using Block = Columns<kBlock>;

/// Columns of +-1, the same for a seed.
inline std::vector<Block> rademacher_probes(int n_rows, int n_blocks, std::uint64_t seed) {
  std::vector<Block> out;
  for (int b = 0; b < n_blocks; ++b) {
    Block z(n_rows, kBlock);
    for (int w = 0; w < kBlock; ++w) {
      Stream stream(seed, 0x70726f6265ULL, b * kBlock + w);
      for (int p = 0; p < n_rows; ++p) z(p, w) = stream.bits() >> 63 ? 1.0 : -1.0;
    }
    out.push_back(std::move(z));
  }
  return out;
}

/// Unit vectors, scaled so that means over columns are traces: log det is exact.
inline std::vector<Block> unit_probes(int n_rows) {
  const int n_blocks = (n_rows + kBlock - 1) / kBlock;
  std::vector<Block> out(n_blocks, Block::Zero(n_rows, kBlock));
  for (int p = 0; p < n_rows; ++p)
    out[p / kBlock](p, p % kBlock) = std::sqrt(static_cast<double>(n_blocks * kBlock));
  return out;
}

/// Small tasks afford exactness.
inline std::vector<Block> evidence_probes(int n_rows, int n_blocks, std::uint64_t seed) {
  return n_rows <= 200 ? unit_probes(n_rows) : rademacher_probes(n_rows, n_blocks, seed);
}

struct LogDet {
  double value = 0.0;
  double trace_inverse = 0.0;
  bool with_persons = true;
  std::vector<Block> x;               // H^-1 z
  std::vector<CgResult<kBlock>> cg;   // coefficients; residuals when kept
};

/// log det of H without D by stochastic Lanczos. Louis' correction can make that
/// matrix indefinite; then without it, which is positive definite unless numbers are out
/// of range: the value is NaN then.
inline LogDet log_determinant(Curvature& h, const std::vector<Block>& probes,
                              bool keep_residuals = false) {
  h.with_backup = false;
  CgControl control;
  control.keep_residuals = keep_residuals;
  control.tolerance = probes.size() * kBlock >= static_cast<std::size_t>(h.size()) ? 1e-4 : 0.001;
  for (const bool persons : {true, false}) {
    LogDet out;
    h.with_persons = out.with_persons = persons;
    bool indefinite = false;
    for (const Block& z : probes) {
      out.cg.push_back(conjugate_gradients<kBlock>(h, z, control));
      const auto& cg = out.cg.back();
      if ((indefinite = cg.indefinite)) break;
      for (int w = 0; w < kBlock; ++w) out.value += log_form(cg, w);
      out.trace_inverse += (z * cg.x).sum();
      out.x.push_back(cg.x);
    }
    if (indefinite) continue;
    const double n = static_cast<double>(probes.size() * kBlock);
    out.value /= n;
    out.trace_inverse /= n;
    return out;
  }
  LogDet unknown;
  unknown.value = NAN;
  return unknown;
}

/// Weak hyper-priors in units of c(gamma): minus log density of the free
/// parameters up to a constant, its gradient added to `gradient`.
inline double hyper_prior(const EvidenceData& data, const Vector& eta, Vector* gradient) {
  const Layout at = layout_of(data);
  const EvidenceSpec& spec = data.spec;
  double sum = 0.0;
  const auto add = [&](bool free, int i, double mean, double sd) {
    if (!free) return;
    const double z = (eta[i] - mean) / sd;
    sum += 0.5 * z * z;
    if (gradient) (*gradient)[i] += z / sd;
  };
  add(std::isnan(spec.sigma), at.sigma(), std::log(0.7), 1.0);
  add(std::isnan(spec.residual_sd), at.residual_sd(), std::log(0.1), 2.0);
  add(std::isnan(spec.temperature), at.temperature(), std::log(0.2), 2.0);
  add(spec.discount_free, at.discount(), 4.6, 2.0);
  return sum;
}

struct Evidence {
  Evidence(const EvidenceData& data, const Setting& at) : point(data, at) {}

  Vector eta;
  Point point;            // the mode
  LogDet det;
  double value = 1e12;    // E; invalid while 1e12
  double prior = 0.0;
  InnerResult inner;

  bool valid() const { return value < 1e11; }
  double effective_values() const { return point.u.size() - det.trace_inverse; }
};

/// E at eta; the inner search starts from `delta`, in units of c(gamma).
inline Evidence evidence(const EvidenceData& data, const Vector& eta, const Vector& delta,
                         const Vector& v_start, const std::vector<Block>& probes,
                         const InnerControl& control = InnerControl()) {
  Evidence out(data, resolve(data, eta));
  out.eta = eta;
  out.point.values.v = v_start;
  evaluate(data, delta / out.point.setting.residual_sd, out.point);
  if (!out.point.good) return out;
  add_gradient(data, out.point);
  out.inner = minimise(data, control, out.point);
  Curvature h = curvature(data, out.point);
  out.det = log_determinant(h, probes);
  out.prior = hyper_prior(data, eta, nullptr);
  const double trace = out.effective_values();
  if (std::isfinite(out.det.value) && trace > -1.0 && trace < out.point.u.size())
    out.value = out.point.f + 0.5 * out.det.value + out.prior;
  return out;
}

namespace detail {

/// f and its gradient at eta moved by h in one parameter, and at u.
inline Point moved_point(const EvidenceData& data, Vector eta, const Point& from,
                         int parameter, double h, const Vector& u) {
  eta[parameter] += h;
  Point out(data, resolve(data, eta));
  out.values.v = from.values.v;
  evaluate(data, u, out);
  if (out.good) add_gradient(data, out);
  return out;
}

/// d(df/du)/deta_i at fixed u for every parameter, by central differences.
inline Eigen::MatrixXd gradient_slopes(const EvidenceData& data, const Vector& eta,
                                       const Point& at, const std::vector<int>& which,
                                       double h) {
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(at.u.size(), which.size());
  for (std::size_t i = 0; i < which.size(); ++i) {
    const Point up = moved_point(data, eta, at, which[i], h, at.u);
    const Point down = moved_point(data, eta, at, which[i], -h, at.u);
    if (up.good && down.good)
      out.col(i) = (up.gradient - down.gradient) / (2 * h);
  }
  return out;
}

/// Calls `use(x, from)` for blocks of 8 columns, which the sweeps take at once; the last
/// is filled up with zeros.
template <class Use>
void for_blocks(const Eigen::MatrixXd& x, const Use& use) {
  for (Eigen::Index from = 0; from < x.cols(); from += kBlock) {
    const Eigen::Index n = std::min<Eigen::Index>(kBlock, x.cols() - from);
    Block block = Block::Zero(x.rows(), kBlock);
    block.leftCols(n) = x.middleCols(from, n).array();
    use(block, from, n);
  }
}

/// du/deta of the mode: -H^-1 d(df/du)/deta, a column a parameter of `which`.
inline Eigen::MatrixXd mode_path(const EvidenceData& data, const Vector& eta,
                                 const Point& mode, const Curvature& h,
                                 const std::vector<int>& which, double step) {
  CgControl control;
  control.tolerance = 0.001;
  Eigen::MatrixXd out(mode.u.size(), which.size());
  for_blocks(gradient_slopes(data, eta, mode, which, step),
             [&](const Block& block, Eigen::Index from, Eigen::Index n) {
    out.middleCols(from, n) =
        -conjugate_gradients<kBlock>(h, block, control).x.leftCols(n).matrix();
  });
  return out;
}

/// x_k' H z_k of every probe.
inline Vector probe_forms(Curvature h, const LogDet& det, const std::vector<Block>& probes) {
  h.with_backup = false;
  h.with_persons = det.with_persons;
  Vector out(probes.size() * kBlock);
  for (std::size_t b = 0; b < probes.size(); ++b)
    out.segment(b * kBlock, kBlock) =
        (det.x[b] * h.apply<kBlock>(probes[b])).colwise().sum().transpose().matrix();
  return out;
}

}  // namespace detail

/// dE/deta, and how far probes leave it uncertain (SD; 0 where they are exact).
struct Slope {
  Vector value, error;
};

/// Of the parameters `which`, 0 for the others. Differences are central:
/// on cyclic tasks the log det bends so much along the path of u^ that a one-sided
/// one can have the wrong sign.
inline Slope evidence_gradient(const EvidenceData& data, const Evidence& at,
                               const std::vector<int>& which,
                               const std::vector<Block>& probes, double h = 0.005) {
  const Eigen::MatrixXd path =
      detail::mode_path(data, at.eta, at.point, curvature(data, at.point), which, h);
  const Vector none = Vector::Zero(at.eta.size());
  Slope out{none, none};
  hyper_prior(data, at.eta, &out.value);
  const Vector partial = setting_gradient(data, at.point, at.eta);
  for (std::size_t w = 0; w < which.size(); ++w) {
    const int i = which[w];
    const Vector step = h * path.col(w);
    const Point up = detail::moved_point(data, at.eta, at.point, i, h, at.point.u + step);
    const Point down = detail::moved_point(data, at.eta, at.point, i, -h, at.point.u - step);
    out.value[i] += partial[i];
    if (!up.good || !down.good) continue;
    const Vector form = (detail::probe_forms(curvature(data, up), at.det, probes) -
                         detail::probe_forms(curvature(data, down), at.det, probes)) /
                        (4 * h);
    const double mean = form.mean(), n = static_cast<double>(form.size());
    out.value[i] += mean;
    if (n < at.point.u.size())
      out.error[i] = std::sqrt((form.array() - mean).square().sum() / (n * (n - 1)));
  }
  return out;
}

}  // namespace psyrl
