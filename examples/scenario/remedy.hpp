// SPDX-License-Identifier: BSL-1.0
// What somebody whose call was refused can do about it.
#pragma once

#include <string_view>

namespace scenario {

/// Returns: one clause for the rule that refused, e.g. "map it writable"; empty when there is nothing to be done.
[[nodiscard]] std::string_view remedy_for(std::string_view rule_id) noexcept;

}  // namespace scenario
