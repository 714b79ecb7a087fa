// SPDX-License-Identifier: BSL-1.0
// /proc/PID/smaps: the lines of maps, each followed by what is known of its region as "Key:  number kB".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "region.hpp"

namespace pinscope {

/// Returns: the regions with sizes and flags. Keys that are not used here are skipped, so that newer kernels can
/// be read. Fails when: a heading is malformed, or a key that is used has no number: problem.
[[nodiscard]] std::vector<region> parse_smaps(std::string_view text, const std::string& file);

}  // namespace pinscope
