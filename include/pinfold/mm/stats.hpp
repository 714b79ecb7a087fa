// SPDX-License-Identifier: BSL-1.0
// Pins taken and given back, per node. The 2019 names are requested/returned, later ones acquired/released.
// Source: spec 01 §8.
#pragma once

#include <cstdint>

#include "arena.hpp"
#include "fast_section.hpp"
#include "lock.hpp"

namespace pinfold::mm {

inline constexpr unsigned max_nodes = 16;

/// A snapshot; `live()` is the number of live pins at quiescence (INV-3).
struct pin_counters {
    std::int64_t acquired = 0;
    std::int64_t released = 0;

    [[nodiscard]] std::int64_t live() const noexcept { return acquired - released; }
    friend bool operator==(const pin_counters&, const pin_counters&) = default;
    friend pin_counters operator-(const pin_counters& a, const pin_counters& b) noexcept {
        return {a.acquired - b.acquired, a.released - b.released};
    }
};

/// One set of counters per thread, written by that thread alone: counting is a load and a store of a line that no other
/// thread writes. What a thread counted stays when it ends; the next one in its place counts on.
/// Synchronises: with nothing; every step is counted, and the two counters only grow. Exact at quiescence.
class pin_statistics {
public:
    PINFOLD_DETAIL_HOT void acquired(unsigned node, std::uint64_t n) noexcept { count(mine().at[node].acquired, n); }
    /// The same by the thread with this number, which is the calling one.
    PINFOLD_DETAIL_HOT void acquired_by(unsigned thread, unsigned node, std::uint64_t n) noexcept {
        count(threads()[thread].at[node].acquired, n);
    }
    PINFOLD_DETAIL_HOT void released(unsigned node, std::uint64_t n) noexcept { count(mine().at[node].released, n); }
    PINFOLD_DETAIL_HOT void released_by(unsigned thread, unsigned node, std::uint64_t n) noexcept {
        count(threads()[thread].at[node].released, n);
    }

    /// Complexity: linear in the number of threads there have been at once.
    [[nodiscard]] pin_counters of(unsigned node) const noexcept {
        pin_counters sum;
        for (std::int32_t i = 0; i < detail::fast_slots_used.load_acquire(); ++i) {
            const cell& c = threads()[i].at[node];
            sum.released += c.released.load();
            sum.acquired += c.acquired.load();
        }
        return sum;
    }
    [[nodiscard]] pin_counters total() const noexcept {
        pin_counters sum;
        for (unsigned n = 0; n < max_nodes; ++n) {
            const pin_counters at = of(n);
            sum.acquired += at.acquired;
            sum.released += at.released;
        }
        return sum;
    }

private:
    struct cell {
        word64 acquired;
        word64 released;
    };
    struct alignas(64) per_thread {
        cell at[max_nodes];
    };

    [[nodiscard]] per_thread* threads() const noexcept { return reinterpret_cast<per_thread*>(store_.data()); }
    [[nodiscard]] PINFOLD_DETAIL_HOT per_thread& mine() const noexcept { return threads()[detail::this_thread().number]; }
    PINFOLD_DETAIL_HOT static void count(word64& c, std::uint64_t n) noexcept { c.store(c.load() + static_cast<std::int64_t>(n)); }

    arena store_{detail::max_threads * sizeof(per_thread)};
};

}  // namespace pinfold::mm
