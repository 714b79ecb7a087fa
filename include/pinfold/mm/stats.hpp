// SPDX-License-Identifier: BSL-1.0
// Pins taken and given back, per node. The 2019 names are requested/returned, later ones acquired/released.
// Source: spec 01 §8.
#pragma once

#include <cstdint>

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

/// Synchronises: with nothing; every step is counted, and the two counters only grow.
class pin_statistics {
public:
    void acquired(unsigned node, std::uint64_t n) noexcept { at_[node].acquired.adjust(static_cast<std::int64_t>(n)); }
    void released(unsigned node, std::uint64_t n) noexcept { at_[node].released.adjust(static_cast<std::int64_t>(n)); }

    [[nodiscard]] pin_counters of(unsigned node) const noexcept {
        return {at_[node].acquired.load(), at_[node].released.load()};
    }
    [[nodiscard]] pin_counters total() const noexcept {
        pin_counters sum;
        for (unsigned n = 0; n < max_nodes; ++n) {
            sum.acquired += at_[n].acquired.load();
            sum.released += at_[n].released.load();
        }
        return sum;
    }

private:
    struct alignas(64) per_node {
        word64 acquired;
        word64 released;
    };
    per_node at_[max_nodes];
};

}  // namespace pinfold::mm
