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
    };

    /// Puts the calling thread's shard on the list for as long as the thread runs.
    struct registration {
        shard own;

        registration() noexcept {
            const guard g;
            own.next = first_;
            if (first_) first_->before = &own;
            first_ = &own;
            mine_ = &own;
        }
        ~registration() {
            const guard g;
            mine_ = &rest_;
            ended_ = true;
            rest_.acquired.adjust(own.acquired.load());
            rest_.released.adjust(own.released.load());
            (own.before ? own.before->next : first_) = own.next;
            if (own.next) own.next->before = own.before;
        }
        registration(const registration&) = delete;
        registration& operator=(const registration&) = delete;
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
        count<&shard::acquired>(static_cast<std::int64_t>(n));
    }
    template <class Page>
    PINFOLD_DETAIL_HOT static void released(const Page&, std::uint64_t n) noexcept {
        count<&shard::released>(static_cast<std::int64_t>(n));
    }

    /// Returns: the sums over all threads, living and ended. Exact at quiescence; while threads run, each counter
    /// is some value it had during the call. Complexity: linear in the number of threads.
    [[nodiscard]] static pin_totals totals() noexcept {
        const guard g;
        pin_totals sum;
        add(sum, rest_);
        for (const shard* s = first_; s; s = s->next) add(sum, *s);
        return sum;
    }

private:
    static void add(pin_totals& sum, const shard& s) noexcept {
        sum.released += static_cast<std::uint64_t>(s.released.load());
        sum.acquired += static_cast<std::uint64_t>(s.acquired.load());
    }

    /// A shard has one writer: a load and a store. The remainder is shared by threads that are ending.
    template <cell shard::*Which>
    PINFOLD_DETAIL_HOT static void count(std::int64_t n) noexcept {
        shard* const s = mine_;
        if (s == nullptr || s == &rest_) [[unlikely]]
            return count_cold<Which>(n);
        (s->*Which).store((s->*Which).load() + n);
    }
    template <cell shard::*Which>
    PINFOLD_DETAIL_COLD static void count_cold(std::int64_t n) noexcept {
        if (ended_) {  // a destructor of this thread that runs after ours
            (rest_.*Which).adjust(n);
            return;
        }
        thread_local registration here;
        (here.own.*Which).store((here.own.*Which).load() + n);
    }

    static inline constinit atomic_word<std::int32_t> lock_{0};
    static inline constinit shard* first_ = nullptr;
    static inline constinit shard rest_{};
    static inline constinit thread_local shard* mine_ = nullptr;
    static inline constinit thread_local bool ended_ = false;
};

}  // namespace pinfold
