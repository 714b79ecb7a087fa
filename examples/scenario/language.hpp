// SPDX-License-Identifier: BSL-1.0
// The operations of the scenario language and what each takes. What they do is said by the operation table (ops.hpp).
#pragma once

#include <string_view>
#include <vector>

namespace scenario {

struct operation {
    std::string_view name;
    std::vector<std::string_view> arguments;  ///< by position, all required
    std::vector<std::string_view> options;    ///< "key=" takes a value, "word" does not
    bool counts_pins = false;                 ///< its answer always says by how much the pin counters moved
};

/// Returns: the operation, or null.
[[nodiscard]] const operation* find_operation(std::string_view name) noexcept;

}  // namespace scenario
