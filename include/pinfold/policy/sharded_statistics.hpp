// SPDX-License-Identifier: BSL-1.0
// Pins taken and given back, counted per thread and added up when somebody asks. Source: spec 01 §8.
#pragma once

#include <cstdint>

#include "../core/config.hpp"
#include "../word/atomic_word.hpp"

namespace pinfold {

/// Sums of one pair of counters. Units: logical pins, one per page asked for, not per head.
struct pin_totals {
    std::uint64_t acquired = 0;
    std::uint64_t released = 0;

    /// Returns: live pins at quiescence (INV-3).
    [[nodiscard]] constexpr std::int64_t live() const noexcept {
        return static_cast<std::int64_t>(acquired - released);
    }
};

/// Two monotone counters per thread, written by that thread alone: counting is a load and a store of a line no
/// other thread writes. Tag: one set of counters per tag.
/// A thread's counters are folded into a common remainder when it ends.
template <class Tag>
class sharded_statistics {
    using cell = atomic_word<std::int64_t>;

    struct alignas(64) shard {
        cell acquired{0};
        cell released{0};
        shard* next = nullptr;
        shard* before = nullptr;

        shard() noexcept {
            const guard g;
            next = first_;
            if (first_) first_->before = this;
            first_ = this;
        }
        ~shard() {
            const guard g;
            rest_.acquired += static_cast<std::uint64_t>(acquired.load());
            rest_.released += static_cast<std::uint64_t>(released.load());
            (before ? before->next : first_) = next;
            if (next) next->before = before;
        }
        shard(const shard&) = delete;
        shard& operator=(const shard&) = delete;
    };

    /// Held when a thread begins or ends and when totals are read: never on a counting path.
    struct guard {
        guard() noexcept {
            std::int32_t open = 0;
            while (!lock_.swap_if_weak(open, 1)) open = 0;
        }
        ~guard() { (void)lock_.drop(1); }
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;
    };

public:
    template <class Page>
    PINFOLD_DETAIL_HOT static void acquired(const Page&, std::uint64_t n) noexcept {
        add(mine().acquired, n);
    }
    template <class Page>
    PINFOLD_DETAIL_HOT static void released(const Page&, std::uint64_t n) noexcept {
        add(mine().released, n);
    }

    /// Returns: the sums over all threads, living and ended. Exact at quiescence; while threads run, each counter
    /// is some value it had during the call. Complexity: linear in the number of threads.
    [[nodiscard]] static pin_totals totals() noexcept {
        const guard g;
        pin_totals sum = rest_;
        for (shard* s = first_; s; s = s->next) {
            sum.released += static_cast<std::uint64_t>(s->released.load());
            sum.acquired += static_cast<std::uint64_t>(s->acquired.load());
        }
        return sum;
    }

private:
    PINFOLD_DETAIL_HOT static void add(cell& c, std::uint64_t n) noexcept {
        c.store(c.load() + static_cast<std::int64_t>(n));
    }
    PINFOLD_DETAIL_HOT static shard& mine() noexcept {
        thread_local shard s;
        return s;
    }

    static inline atomic_word<std::int32_t> lock_{0};
    static inline shard* first_ = nullptr;
    static inline pin_totals rest_{};
};

}  // namespace pinfold
