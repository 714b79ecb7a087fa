// SPDX-License-Identifier: BSL-1.0
// What stops pinscope: one sentence for the person who called it (what, which, remedy), exit status 2.
#pragma once

#include <stdexcept>
#include <string>

namespace pinscope {

struct problem : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Returns: a problem about line `number` of `file`. Every parser here complains in this form.
[[nodiscard]] inline problem bad_line(const std::string& file, std::size_t number, const std::string& what) {
    return problem(file + ", line " + std::to_string(number) + ": " + what);
}

}  // namespace pinscope
