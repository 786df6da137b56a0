// Positions of a board of pegs as short numbers, the same for positions that are
// mirror images or rotations of each other.
//
// A jump flips three cells, so the positions that can be reached differ from the
// first one by sums of jumps over GF(2). With a reduced basis b_1 .. b_n of these
// sums, each b_i alone in having its pivot cell,
//
//   code(x) = the pivot cells of x + first,      x = first + sum of b_i over set bits.
//
// The English board has 33 cells and 76 jumps that span 29 dimensions: a set of its
// positions is a table of 2^29 bits. Codes are affine over GF(2): those of the images
// of a position move with a jump by fixed numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/base/require.h"
#include "core/mdp/peg_solitaire.h"

namespace psyrl {

/// What the rules of a board say.
struct PegBoard {
  int n_rows = 0, n_columns = 0;
  std::vector<char> valid;       // [n_rows * n_columns] along rows: is there a cell?
  std::vector<Position> starts;  // positions a game may begin with
  PegRewards rewards;
  std::vector<Jump> jumps() const { return board_jumps(n_rows, n_columns, valid); }
};

/// Where the cells go under every rotation and reflection that maps the board onto
/// itself; the identity stands first.
inline std::vector<std::vector<int>> board_symmetries(const PegBoard& board) {
  const int R = board.n_rows, C = board.n_columns;
  std::vector<std::vector<int>> maps;
  for (int g = 0; g < 8; ++g) {
    const bool flip_r = g & 1, flip_c = g & 2, transposed = g & 4;
    if (transposed && R != C) continue;
    std::vector<int> to(R * C);
    bool onto = true;
    for (int i = 0; i < R * C; ++i) {
      const int r = flip_r ? R - 1 - i / C : i / C, c = flip_c ? C - 1 - i % C : i % C;
      to[i] = transposed ? c * C + r : r * C + c;
      onto = onto && board.valid[i] == board.valid[to[i]];
    }
    if (onto) maps.push_back(std::move(to));
  }
  return maps;
}

class PositionCode {
 public:
  enum : int { kImages = 8, kMaxBits = 30 };
  /// Codes of the images of a position (repeated where there are fewer than 8), or
  /// what a jump adds to them.
  using Images = std::array<std::uint32_t, kImages>;

  explicit PositionCode(const PegBoard& board)
      : origin_(board.starts.at(0)), symmetries_(board_symmetries(board)) {
    for (const Jump& jump : board.jumps()) add_to_basis(jump.apply(0));
    for (Position start : board.starts)
      for (const auto& g : symmetries_) add_to_basis(image(start, g) ^ origin_);
    reduce_basis();
    if (!short_enough()) return;
    zero_ = code_images(0);
    for (int i = 0; i < board.n_rows * board.n_columns; ++i) {
      Images moved = code_images(Jump::cell(i));
      for (int g = 0; g < kImages; ++g) moved[g] ^= zero_[g];
      cell_.push_back(moved);
    }
    tabulate();
  }

  /// Does a code fit a table of bits? If not, there is none.
  bool short_enough() const { return n_bits() <= kMaxBits; }
  int n_bits() const { return static_cast<int>(basis_.size()); }

  /// Does `x` differ from the first position by a sum of jumps?
  bool knows(Position x) const { return reduced(x ^ origin_) == 0; }

  Images images(Position x) const {
    Images out = zero_;
    for (std::size_t k = 0; k < image_table_.size(); ++k) {
      const Images& part = image_table_[k][x >> (k * kChunk) & (kEntries - 1)];
      for (int g = 0; g < kImages; ++g) out[g] ^= part[g];
    }
    return out;
  }

  /// What `jump` adds to the codes of the images.
  Images moves(const Jump& jump) const {
    Images out{};
    for (int cell : {jump.from, jump.over, jump.to})
      for (int g = 0; g < kImages; ++g) out[g] ^= cell_[cell][g];
    return out;
  }

  /// One code for all images.
  static std::uint32_t least(const Images& images) {
    return *std::min_element(images.begin(), images.end());
  }
  static std::uint32_t least(const Images& images, const Images& moves) {
    Images moved;
    for (int g = 0; g < kImages; ++g) moved[g] = images[g] ^ moves[g];
    return least(moved);
  }

  Position position(std::uint32_t code) const {
    Position x = origin_;
    for (std::size_t k = 0; k < position_table_.size(); ++k)
      x ^= position_table_[k][code >> (k * kChunk) & (kEntries - 1)];
    return x;
  }

 private:
  enum : int { kChunk = 8, kEntries = 1 << kChunk };

  static Position image(Position x, const std::vector<int>& to) {
    Position out = 0;
    for (std::size_t i = 0; i < to.size(); ++i)
      if (x & Jump::cell(static_cast<int>(i))) out |= Jump::cell(to[i]);
    return out;
  }

  static Position top(Position x) {
    while (x & (x - 1)) x &= x - 1;
    return x;
  }

  Position reduced(Position x) const {
    for (std::size_t i = 0; i < basis_.size(); ++i)
      if (x & pivot_[i]) x ^= basis_[i];
    return x;
  }

  void add_to_basis(Position x) {
    x = reduced(x);
    if (x == 0) return;
    basis_.push_back(x);
    pivot_.push_back(top(x));
  }

  // No basis vector keeps the pivot of another.
  void reduce_basis() {
    for (std::size_t i = 0; i < basis_.size(); ++i)
      for (std::size_t j = 0; j < basis_.size(); ++j)
        if (i != j && (basis_[j] & pivot_[i])) basis_[j] ^= basis_[i];
  }

  Images code_images(Position x) const {
    Images out;
    for (int g = 0; g < kImages; ++g) {
      const auto& to = symmetries_[g % symmetries_.size()];
      const Position moved = image(x, to) ^ origin_;
      out[g] = 0;
      for (int i = 0; i < n_bits(); ++i)
        if (moved & pivot_[i]) out[g] |= std::uint32_t{1} << i;
    }
    return out;
  }

  void tabulate() {
    image_table_.resize((cell_.size() + kChunk - 1) / kChunk);
    for (std::size_t k = 0; k < image_table_.size(); ++k) {
      image_table_[k].assign(kEntries, Images{});
      for (int e = 0; e < kEntries; ++e)
        for (int b = 0; b < kChunk; ++b) {
          const std::size_t cell = k * kChunk + b;
          if (!(e >> b & 1) || cell >= cell_.size()) continue;
          for (int g = 0; g < kImages; ++g) image_table_[k][e][g] ^= cell_[cell][g];
        }
    }
    position_table_.resize((n_bits() + kChunk - 1) / kChunk);
    for (std::size_t k = 0; k < position_table_.size(); ++k) {
      position_table_[k].assign(kEntries, 0);
      for (int e = 0; e < kEntries; ++e)
        for (int b = 0; b < kChunk; ++b)
          if ((e >> b & 1) && static_cast<int>(k * kChunk) + b < n_bits())
            position_table_[k][e] ^= basis_[k * kChunk + b];
    }
  }

  Position origin_;
  std::vector<std::vector<int>> symmetries_;
  std::vector<Position> basis_, pivot_;              // [n_bits]
  Images zero_{};                                    // of the empty board
  std::vector<Images> cell_;                         // what a cell's peg adds
  std::vector<std::vector<Images>> image_table_;     // the same for eight cells
  std::vector<std::vector<Position>> position_table_;
};

}  // namespace psyrl
