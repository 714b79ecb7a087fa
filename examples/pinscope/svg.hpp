// SPDX-License-Identifier: BSL-1.0
// The address space as a picture file that needs nothing else: a bar per region, from low addresses to high.
#pragma once

#include <string>

#include "report.hpp"

namespace pinscope {

[[nodiscard]] std::string to_svg(const report& what);

}  // namespace pinscope
