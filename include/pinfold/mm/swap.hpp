// SPDX-License-Identifier: BSL-1.0
// The swap area: slots with use counts, what was written to them, and which page is cached for them. Knows frame
// numbers, not descriptors; reclaim.hpp and swap_cache.hpp do the counting. Source: spec 07 §8, spec 10 §11.
#pragma once

#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <vector>

#include "arena.hpp"
#include "geometry.hpp"
#include "lock.hpp"

namespace pinfold::mm {

/// The number of a slot. Slot 0 is never handed out, so that a swap entry is never all zero.
using swap_slot = std::uint64_t;

class swap_area {
public:
    explicit swap_area(std::uint64_t bytes)
        : slots_(bytes >= page_size ? (bytes >> page_shift) + 1 : 0), store_(bytes >= page_size ? bytes + page_size : page_size) {}

    [[nodiscard]] std::uint64_t size() const noexcept { return slots_.empty() ? 0 : slots_.size() - 1; }
    [[nodiscard]] std::uint64_t used() noexcept {
        std::lock_guard guard(lock_);
        return used_;
    }

    /// Effects: n slots in a row belong to the folio whose first frame is `head`: cached there, no entry uses them
    /// yet. Returns: the first, or none when there is no such row.
    [[nodiscard]] std::optional<swap_slot> take(std::uint64_t n, pfn head) {
        std::lock_guard guard(lock_);
        if (n == 0 || n > size()) return std::nullopt;
        for (int round = 0; round < 2; ++round) {
            std::uint64_t run = 0;
            for (swap_slot s = round == 0 ? next_ : 1; s < slots_.size(); ++s) {
                run = slots_[s].busy() ? 0 : run + 1;
                if (run != n) continue;
                const swap_slot first = s - n + 1;
                for (std::uint64_t k = 0; k < n; ++k) slots_[first + k].cached = (head + k).n + 1;
                used_ += n;
                next_ = s + 1 < slots_.size() ? s + 1 : 1;
                return first;
            }
        }
        return std::nullopt;
    }

    /// Effects: one more entry uses the slot.
    void dup(swap_slot s) noexcept {
        std::lock_guard guard(lock_);
        ++slots_[s].users;
    }
    /// Effects: one entry fewer. Returns: entries that still use it.
    std::uint32_t drop(swap_slot s) noexcept {
        std::lock_guard guard(lock_);
        const std::uint32_t left = --slots_[s].users;
        if (!slots_[s].busy()) --used_;
        return left;
    }
    [[nodiscard]] std::uint32_t users(swap_slot s) noexcept {
        std::lock_guard guard(lock_);
        return slots_[s].users;
    }

    // ---- the cache. Both run `use` under the lock, so that a page found is a page held. ---------------------
    /// Effects: use(frame) if a page is cached for the slot. Returns: whether one is.
    template <class Use>
    bool with_cached(swap_slot s, Use use) {
        std::lock_guard guard(lock_);
        if (slots_[s].cached == 0) return false;
        use(pfn{slots_[s].cached - 1});
        return true;
    }
    /// Effects: caches `n` for the slot unless a page is already. Requires: an entry uses it.
    template <class Use>
    bool add_cached(swap_slot s, pfn n, Use use) {
        std::lock_guard guard(lock_);
        if (slots_[s].cached != 0 || slots_[s].users == 0) return false;
        slots_[s].cached = n.n + 1;
        use();
        return true;
    }
    /// Effects: the n slots from s, cached in frames from `from`, are cached in frames from `to` (migration).
    void move_cached(swap_slot s, std::uint64_t n, pfn to) noexcept {
        std::lock_guard guard(lock_);
        for (std::uint64_t k = 0; k < n; ++k) slots_[s + k].cached = (to + k).n + 1;
    }
    /// Effects: the n slots from s leave the cache if none of them is in use (`unused_only`) or in any case, provided
    /// may_go() holds. Returns: whether they did.
    template <class MayGo>
    bool remove_cached(swap_slot s, std::uint64_t n, bool unused_only, MayGo may_go) {
        std::lock_guard guard(lock_);
        if (unused_only)
            for (std::uint64_t k = 0; k < n; ++k)
                if (slots_[s + k].users != 0) return false;
        if (!may_go()) return false;
        for (std::uint64_t k = 0; k < n; ++k) {
            slots_[s + k].cached = 0;
            if (!slots_[s + k].busy()) --used_;
        }
        return true;
    }

    /// Returns: whether the n slots from s are cached in frames from `from`, and no entry uses any of them.
    [[nodiscard]] bool is_only_cached(swap_slot s, std::uint64_t n, pfn from) noexcept {
        std::lock_guard guard(lock_);
        for (std::uint64_t k = 0; k < n; ++k)
            if (slots_[s + k].users != 0 || slots_[s + k].cached != (from + k).n + 1) return false;
        return true;
    }

    // ---- the medium ----------------------------------------------------------------------------------------
    void write(swap_slot s, const unsigned char* from) noexcept { copy(at(s), from); }
    void read(swap_slot s, unsigned char* to) const noexcept { copy(to, at(s)); }

private:
    struct slot {
        std::uint32_t users = 0;
        std::uint64_t cached = 0;  ///< frame number + 1

        [[nodiscard]] bool busy() const noexcept { return users != 0 || cached != 0; }
    };
    [[nodiscard]] unsigned char* at(swap_slot s) const noexcept {
        return reinterpret_cast<unsigned char*>(store_.data()) + (s << page_shift);
    }
    /// A device may write to the page meanwhile: relaxed atomic words, as everywhere in contents.hpp.
    static void copy(unsigned char* to, const unsigned char* from) noexcept {
        auto* d = reinterpret_cast<std::uint64_t*>(to);
        const auto* s = reinterpret_cast<const std::uint64_t*>(from);
        for (std::uint64_t i = 0; i < page_size / 8; ++i)
            __atomic_store_n(d + i, __atomic_load_n(s + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }

    mutable spin_lock lock_;
    std::vector<slot> slots_;
    std::uint64_t used_ = 0;
    swap_slot next_ = 1;
    arena store_;
};

}  // namespace pinfold::mm
