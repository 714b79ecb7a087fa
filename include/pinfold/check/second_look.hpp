// SPDX-License-Identifier: BSL-1.0
// Programs look, act, and look again. To see that the explorer finds what the second look is there for, a test leaves it
// out without another program: while it is left out, a load finds what it found the first time.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine.hpp"

namespace pinfold::check {

namespace detail {
/// What one thread has found.
struct first_looks {
    std::uint64_t stamp = 0;  ///< the execution it is of
    bool left_out = false;    ///< whether to look again is
    std::vector<std::pair<const void*, std::int64_t>> found;

    void begin(std::uint64_t execution) {
        stamp = execution, left_out = false;
        found.clear();
    }
};
}  // namespace detail

/// Of the calling thread of an execution, and of the words that are found to be shared (found_atomic.hpp).
class second_look {
public:
    /// Effects: from now on it is noted what loads find; what was noted before is forgotten.
    static void note() {
        if (detail::engine* const e = running()) of_each[e->me()].begin(e->stamp());
    }
    /// Effects: until the next note(), a load of a word of which something was noted finds that again, and is no step.
    static void leave_out() {
        detail::engine* const e = running();
        if (e != nullptr && of_each[e->me()].stamp == e->stamp()) of_each[e->me()].left_out = true;
    }

private:
    template <class>
    friend class found_atomic;

    static detail::engine* running() noexcept {
        detail::engine* const e = detail::engine::current;
        return e != nullptr && e->active() ? e : nullptr;
    }

    /// Returns: what the load of the word at `address` finds; load(): the load as it is.
    template <class Load>
    [[nodiscard]] static std::int64_t find(detail::engine& e, const void* address, Load load) {
        detail::first_looks& mine = of_each[e.me()];
        if (mine.stamp != e.stamp()) return load();
        for (const auto& [noted, value] : mine.found)
            if (noted == address) return mine.left_out ? value : load();
        const std::int64_t value = load();
        if (!mine.left_out) mine.found.emplace_back(address, value);
        return value;
    }

    static inline thread_local std::array<detail::first_looks, max_threads> of_each;
};

}  // namespace pinfold::check
