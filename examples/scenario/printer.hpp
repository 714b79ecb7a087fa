// SPDX-License-Identifier: BSL-1.0
// Answers as JSON lines.
#pragma once

#include <string>
#include <string_view>

#include "answer.hpp"

namespace scenario {

struct step_head {
    std::string_view scenario;
    std::int64_t step = 0;
    std::string_view actor, op, line;
};

/// Returns: one line, without its end.
[[nodiscard]] std::string to_json(const step_head& head, const answer& a);

}  // namespace scenario
