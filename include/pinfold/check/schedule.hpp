// SPDX-License-Identifier: BSL-1.0
// A schedule as text: which thread takes each step, and where it does not read the newest value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinfold::check {

/// One letter per step: `a` is the first thread of the program. A number after it: the load, or failing
/// compare-exchange, reads the value that many stores ago, or pause() ends by the change of another location than the
/// first; `~`: a weak compare-exchange fails for no reason.
/// "aab2b~" is: a, a, b reading the value before the one before the newest, b failing.
struct scheduled_step {
    unsigned thread = 0;
    std::uint32_t age = 0;
    bool spurious = false;
};
using schedule = std::vector<scheduled_step>;

/// Returns: how often another thread goes on than the one that took the step before.
[[nodiscard]] inline std::size_t context_switches(const schedule& steps) noexcept {
    std::size_t n = 0;
    for (std::size_t i = 1; i < steps.size(); ++i) n += steps[i].thread != steps[i - 1].thread;
    return n;
}

[[nodiscard]] inline char thread_name(unsigned thread) noexcept {
    return thread == 0 ? '-' : static_cast<char>('a' + (thread - 1));
}

[[nodiscard]] inline std::string to_string(const schedule& steps) {
    std::string text;
    for (const scheduled_step& s : steps) {
        text += thread_name(s.thread);
        if (s.age != 0) text += std::to_string(s.age);
        if (s.spurious) text += '~';
    }
    return text;
}

/// Returns: the schedule, or nothing when the text is none.
[[nodiscard]] inline std::optional<schedule> parse_schedule(std::string_view text) {
    schedule steps;
    for (const char c : text) {
        if (c >= 'a' && c <= 'g') {
            steps.push_back({static_cast<unsigned>(c - 'a') + 1, 0, false});
        } else if (steps.empty()) {
            return std::nullopt;
        } else if (c >= '0' && c <= '9') {
            steps.back().age = steps.back().age * 10 + static_cast<std::uint32_t>(c - '0');
        } else if (c == '~') {
            steps.back().spurious = true;
        } else {
            return std::nullopt;
        }
    }
    return steps;
}

}  // namespace pinfold::check
