// SPDX-License-Identifier: BSL-1.0
// The address space in a terminal: regions from left to right, what may be done with them from top to bottom.
#pragma once

#include <string>

#include "report.hpp"
#include "terminal.hpp"

namespace pinscope {

/// Returns: the picture, at most s.width columns wide, with its legend.
[[nodiscard]] std::string draw_picture(const report& what, const style& s);

}  // namespace pinscope
