// SPDX-License-Identifier: BSL-1.0
// What one executed line answered, before it becomes text.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace scenario {

/// A page as the answers name it: a small integer, "Z" or "HZ". Also what fate a page met: a node or an error.
using page_name = std::variant<std::int64_t, std::string>;

/// One member of a page object: number, text, truth, or null.
using page_member = std::variant<std::nullptr_t, bool, std::int64_t, std::string>;
using page_object = std::vector<std::pair<const char*, page_member>>;

struct pin_delta {
    std::int64_t acquired = 0, released = 0;
};
using observed_value = std::variant<std::int64_t, std::string, pin_delta, std::vector<page_name>,
                                    std::vector<page_object>>;

struct answer {
    std::int64_t ret = 0;
    std::string error;  ///< symbolic; empty: null
    std::vector<std::pair<const char*, observed_value>> observed{};

    /// Effects: one more observed member. Returns: *this, so that answers read as one expression.
    answer with(const char* key, observed_value value) && {
        observed.emplace_back(key, std::move(value));
        return std::move(*this);
    }
};

[[nodiscard]] inline answer done(std::int64_t ret = 0) { return {ret, {}, {}}; }
[[nodiscard]] inline answer fails(std::string error, std::int64_t ret = -1) { return {ret, std::move(error), {}}; }
/// Returns: the name of an errno of the host, e.g. "EFAULT".
[[nodiscard]] std::string errno_name(int number);
/// Returns: what a call that answers a count or a negative errno answers.
[[nodiscard]] inline answer result_of(std::int64_t ret) {
    return ret < 0 ? fails(errno_name(static_cast<int>(-ret))) : done(ret);
}

}  // namespace scenario
