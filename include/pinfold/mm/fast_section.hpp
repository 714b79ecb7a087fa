// SPDX-License-Identifier: BSL-1.0
// The period in which a lockless walk holds off the freeing of page tables: "interrupts off", as an epoch scheme.
// What was unhooked while a section was open is freed after that section ended. Source: spec 05 §2.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "asymmetric_fence.hpp"

namespace pinfold::mm {

namespace detail {

inline constexpr unsigned max_threads = 512;

/// One line per thread: the epoch its section began in, 0 while outside.
struct alignas(64) fast_slot {
    word64 since;
    word32 taken;
};
inline fast_slot fast_slots[max_threads];
inline word32 fast_slots_used;
inline word64 fast_epoch{1};

class thread_slot;
/// Where this thread's slot is, once it has one: read without a question whether it is time to make it.
struct known_slot {
    thread_slot* at = nullptr;
};

/// The slot of this thread, given back when the thread ends. Also the number that spreads threads over batches.
class thread_slot {
public:
    thread_slot() noexcept {
        for (unsigned spins = 0;; relax(spins))
            for (unsigned i = 0; i < max_threads; ++i) {
                std::int32_t free = 0;
                if (!fast_slots[i].taken.swap_if(free, 1)) continue;
                number = i;
                line = &fast_slots[i];
                threading::own<known_slot>().at = this;
                std::int32_t used = fast_slots_used.load();
                while (used < static_cast<std::int32_t>(i) + 1 &&
                       !fast_slots_used.swap_if(used, static_cast<std::int32_t>(i) + 1)) {
                }
                return;
            }
    }
    thread_slot(const thread_slot&) = delete;
    thread_slot& operator=(const thread_slot&) = delete;
    ~thread_slot() {
        threading::own<known_slot>().at = nullptr;
        fast_slots[number].taken.publish(0);
    }

    unsigned number = 0;
    unsigned depth = 0;
    fast_slot* line = nullptr;
};
[[nodiscard]] inline thread_slot& this_thread() noexcept { return threading::own<thread_slot>(); }
/// Returns: the same, or null where it was never asked for.
[[nodiscard]] PINFOLD_DETAIL_HOT thread_slot* this_thread_if_known() noexcept { return threading::own<known_slot>().at; }

}  // namespace detail

/// Opens a fast section for a scope; sections of one thread nest.
/// Synchronises: entering is a full fence before the first read of a table, with whoever asks whether sections have
/// passed (it is he who pays); leaving releases those reads to whoever frees what was unhooked.
class fast_section {
public:
    fast_section() noexcept : slot_(detail::this_thread()) { enter(slot_); }
    fast_section(const fast_section&) = delete;
    fast_section& operator=(const fast_section&) = delete;
    PINFOLD_DETAIL_HOT ~fast_section() { leave(slot_); }

    /// The two halves, for a function without a scope's clean-up; `mine` is the calling thread's. What is entered once is
    /// left once, or adopted by a scope.
    PINFOLD_DETAIL_HOT static void enter(detail::thread_slot& mine) noexcept {
        if (mine.depth++ != 0) return;
        mine.line->since.publish(detail::fast_epoch.load_acquire());
        asymmetric_fence::light();
    }
    PINFOLD_DETAIL_HOT static void leave(detail::thread_slot& mine) noexcept {
        if (--mine.depth == 0) mine.line->since.publish(0);
    }
    explicit fast_section(std::adopt_lock_t) noexcept : slot_(detail::this_thread()) {}

    [[nodiscard]] unsigned thread() const noexcept { return slot_.number; }

    /// Returns: whether this thread is in a section now.
    [[nodiscard]] static bool active() noexcept { return detail::this_thread().depth != 0; }

    /// Returns: the epoch that must have passed before what was unhooked until now may be freed.
    [[nodiscard]] static std::int64_t stamp() noexcept { return detail::fast_epoch.fetch_grab(1); }

    /// Returns: whether every section that began in or before epoch `stamp` has ended.
    /// Requires: an asymmetric_fence::heavy() behind the unhooking.
    [[nodiscard]] static bool passed(std::int64_t stamp) noexcept {
        const auto used = static_cast<unsigned>(detail::fast_slots_used.load_acquire());
        for (unsigned i = 0; i < used; ++i) {
            const std::int64_t since = detail::fast_slots[i].since.load_acquire();
            if (since != 0 && since <= stamp) return false;
        }
        return true;
    }

    /// Effects: waits for the sections of all *other* threads that are open now. The thread's own section (it is
    /// then an actor at a race point) does not count: no CPU waits for itself.
    static void wait_for_others() noexcept {
        const std::int64_t now = stamp();
        const unsigned self = detail::this_thread().number;
        asymmetric_fence::heavy();
        const auto used = static_cast<unsigned>(detail::fast_slots_used.load_acquire());
        for (unsigned i = 0; i < used; ++i) {
            if (i == self) continue;
            for (unsigned spins = 0;; relax(spins)) {
                const std::int64_t since = detail::fast_slots[i].since.load_acquire();
                if (since == 0 || since > now) break;
            }
        }
    }

private:
    detail::thread_slot& slot_;
};

/// Things to be freed when the sections that may see them have ended.
template <class T>
class deferred_free {
public:
    /// Effects: takes `things`; frees with `free(thing)` whatever may go by now.
    template <class Free>
    void retire(std::vector<T>&& things, Free free) {
        if (things.empty()) return;
        {
            std::lock_guard lock(lock_);
            waiting_.emplace_back(fast_section::stamp(), std::move(things));
        }
        collect(free);
    }
    /// Effects: frees what may go. Returns: whether nothing is left.
    template <class Free>
    bool collect(Free free) {
        std::vector<std::vector<T>> ready;
        bool rest = false;
        {
            std::lock_guard lock(lock_);
            if (waiting_.empty()) return true;
            asymmetric_fence::heavy();
            std::size_t kept = 0;
            for (auto& batch : waiting_) {
                if (fast_section::passed(batch.first)) ready.push_back(std::move(batch.second));
                else if (&waiting_[kept++] != &batch) waiting_[kept - 1] = std::move(batch);
            }
            waiting_.resize(kept);
            rest = kept != 0;
        }
        for (auto& things : ready)
            for (T& t : things) free(t);
        return !rest;
    }

private:
    mutex lock_;
    std::vector<std::pair<std::int64_t, std::vector<T>>> waiting_;
};

}  // namespace pinfold::mm
