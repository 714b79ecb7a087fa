// SPDX-License-Identifier: BSL-1.0
// What a thread knows: which steps of the others happened before its next one, and how new a value it has seen of
// each location. Release and acquire pass it on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pinfold::check {

/// Threads of one exploration, the one that sets up and looks at the end included.
inline constexpr unsigned max_threads = 8;

/// The thread that runs the set-up, and what follows after all others have ended.
inline constexpr unsigned main_thread = 0;

/// A vector clock. Units: steps of each thread.
struct vector_clock {
    std::array<std::uint32_t, max_threads> at{};

    void join(const vector_clock& other) noexcept {
        for (unsigned t = 0; t < max_threads; ++t)
            if (at[t] < other.at[t]) at[t] = other.at[t];
    }
    /// Returns: whether step `step` of `thread` is among what this clock covers.
    [[nodiscard]] bool covers(unsigned thread, std::uint32_t step) const noexcept { return at[thread] >= step; }
};

/// seen[location]: the oldest store of it, counted in modification order, that may still be read (coherence).
struct knowledge {
    vector_clock when;
    std::vector<std::uint32_t> seen;

    [[nodiscard]] std::uint32_t oldest(std::size_t location) const noexcept {
        return location < seen.size() ? seen[location] : 0;
    }
    void raise(std::size_t location, std::uint32_t index) {
        if (seen.size() <= location) seen.resize(location + 1, 0);
        if (seen[location] < index) seen[location] = index;
    }
    [[nodiscard]] bool covers(const knowledge& other) const noexcept {
        for (unsigned t = 0; t < max_threads; ++t)
            if (when.at[t] < other.when.at[t]) return false;
        for (std::size_t i = 0; i < other.seen.size(); ++i)
            if (oldest(i) < other.seen[i]) return false;
        return true;
    }
    void join_seen(const std::vector<std::uint32_t>& other) {
        if (seen.size() < other.size()) seen.resize(other.size(), 0);
        for (std::size_t i = 0; i < other.size(); ++i)
            if (seen[i] < other[i]) seen[i] = other[i];
    }
    void join(const knowledge& other) {
        when.join(other.when);
        join_seen(other.seen);
    }
    void clear() noexcept {
        when = {};
        seen.clear();
    }
};

}  // namespace pinfold::check
