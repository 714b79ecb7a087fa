// SPDX-License-Identifier: BSL-1.0
// /proc/PID/mountinfo: which type of filesystem is behind a device number. Whether it writes dirty pages back
// decides about long-term pins.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace pinscope {

using device_number = std::pair<std::uint32_t, std::uint32_t>;

/// Returns: filesystem types by device. Fails when: a line is malformed: problem.
[[nodiscard]] std::map<device_number, std::string> parse_mountinfo(std::string_view text, const std::string& file);

}  // namespace pinscope
