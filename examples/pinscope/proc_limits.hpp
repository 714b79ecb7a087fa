// SPDX-License-Identifier: BSL-1.0
// The one line of /proc/PID/limits that matters to somebody who pins.
#pragma once

#include <string>
#include <string_view>

#include "region.hpp"

namespace pinscope {

/// Returns: the soft RLIMIT_MEMLOCK in bytes, or `unlimited`. Fails when: the line is missing or malformed.
[[nodiscard]] u64 parse_memlock(std::string_view text, const std::string& file);

}  // namespace pinscope
