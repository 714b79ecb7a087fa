// SPDX-License-Identifier: BSL-1.0
// NUM of the scenario language: decimal or 0x hex, optional minus, optional suffix K M G P (page) H (2 MiB).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace scenario {

/// Returns: the value, 64 bits, two's complement; nothing when the whole text is no number.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text) noexcept;

}  // namespace scenario
