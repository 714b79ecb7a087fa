// SPDX-License-Identifier: BSL-1.0
// What both pictures draw: blocks, each of one region or, when there are too many, of several neighbours; and the
// gaps between them that are too wide to be drawn.
#pragma once

#include <array>
#include <vector>

#include "report.hpp"

namespace pinscope {

struct block {
    std::size_t first = 0;  ///< regions first … last - 1 of the report
    std::size_t last = 0;
    u64 gap_before = 0;  ///< bytes between the block before and this one

    [[nodiscard]] bool single() const { return last - first == 1; }
    [[nodiscard]] u64 pages(const report& what) const;
    [[nodiscard]] u64 present_pages(const report& what) const;
    /// Returns: the verdict all its regions share, `partly` when they differ.
    [[nodiscard]] pinscope::verdict verdict(const report& what, std::size_t purpose) const;
    [[nodiscard]] pinscope::outcome outcome(const report& what) const;
};

/// Returns: at most `limit` blocks that cover all regions in order. When neighbours must share one, the largest
/// regions do not. Requires: limit > 0.
[[nodiscard]] std::vector<block> blocks(const report& what, std::size_t limit);

/// Gaps from here on are marked with their size.
inline constexpr u64 wide_gap = u64{1} << 30;

/// Returns: the base-2 logarithm of pages, rounded down.
[[nodiscard]] unsigned log_size(u64 pages);

/// Returns: how many of the pages [from, to) of the region are present, from and to counted from its begin.
[[nodiscard]] u64 present_between(const region& r, u64 from, u64 to);

}  // namespace pinscope
