// SPDX-License-Identifier: BSL-1.0
// The regions in words: one row each, with the reasons below it; totals; one region in full.
#pragma once

#include <string>

#include "report.hpp"
#include "terminal.hpp"

namespace pinscope {

/// Returns: rows for at most `limit` regions (0: all), those with most pages present (a demonstration's own go first);
/// in address order.
[[nodiscard]] std::string draw_table(const report& what, const style& s, std::size_t limit);

/// Returns: the sums per question, the memory lock limit, whether all pins were given back, and what is approximated.
[[nodiscard]] std::string draw_totals(const report& what, const style& s);

/// Returns: all that is known about region number `index`.
[[nodiscard]] std::string draw_region(const report& what, std::size_t index, const style& s);

}  // namespace pinscope
