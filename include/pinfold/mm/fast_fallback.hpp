// SPDX-License-Identifier: BSL-1.0
// The fast entry: lockless as far as it goes, then the slow path for the rest. Source: spec 05 §7 §8.
#pragma once

#include <shared_mutex>

#include "gup_fast.hpp"
#include "longterm.hpp"
#include "race_point.hpp"
#include "stack.hpp"

namespace pinfold::mm {

/// Effects: the slow path for [rest, end), which the fast walk left. Returns: pages, or a negative errno.
template <class P>
[[nodiscard, gnu::noinline]] long slow_for_rest(space<P>& mm, vaddr rest, vaddr end, unsigned flags, gup_target<P> to) {
    PINFOLD_ASSERT(!fast_section::active());  // who sleeps in one holds off whoever frees tables
    P::races::at(race_point::before_fallback);
    const std::uint64_t nr = (end - rest) >> page_shift;
    if constexpr (P::gup_grows_stacks) grow_stacks(mm, rest, end);
    if (!P::longterm_checks_first && (flags & foll::longterm) != 0) {  // the VMAs are looked at afterwards: they must stay
        const std::shared_lock lock(mm.mmap_lock);
        return longterm_locked(mm, rest, nr, flags | foll::touch, to, nullptr);
    }
    int locked = 0;
    return longterm_locked(mm, rest, nr, flags | foll::touch, to, &locked);
}

/// Returns: spec 05 §8. flags are checked already; they name GET or PIN where the profile wants it.
/// Requires: start is page aligned, [start, end) is user space and not empty.
template <class P>
[[nodiscard]] long fast_then_slow(space<P>& mm, vaddr start, vaddr end, unsigned flags, gup_target<P> to) {
    const std::uint64_t nr = (end - start) >> page_shift;
    const std::uint64_t fast = fast_part(mm, start, end, flags, to.pages, to.trace);
    if (fast == nr || (flags & foll::fast_only) != 0) return static_cast<long>(fast);
    if (to.pages) to.pages += fast;
    const long slow = slow_for_rest(mm, start + (fast << page_shift), end, flags, to);
    // An error would leak what the fast walk holds: the caller gets a short count and meets the error next time.
    if (slow < 0) return fast != 0 ? static_cast<long>(fast) : slow;
    return static_cast<long>(fast) + slow;
}

namespace detail {

/// Whether one table maps the nr pages from `a` on, at least one, and user space does not end in it: whoever asks for more
/// than there can be is told so by fast_checked.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool is_of_one_table(vaddr a, std::int64_t nr) noexcept {
    using geo = geometry<P::p4d_folded>;
    const std::uint64_t room = table_entries - geo::index(a, level::pte);
    return static_cast<std::uint64_t>(nr) - 1 < room && a < align_down(geo::user_end, pmd_size);
}

}  // namespace detail

}  // namespace pinfold::mm
