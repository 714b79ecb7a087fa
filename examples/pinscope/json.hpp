// SPDX-License-Identifier: BSL-1.0
// The whole report for machines. Sizes are in bytes, addresses are strings in hex (they exceed 53 bits).
#pragma once

#include <string>

#include "report.hpp"

namespace pinscope {

[[nodiscard]] std::string to_json(const report& what);

}  // namespace pinscope
