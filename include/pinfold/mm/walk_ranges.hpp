// SPDX-License-Identifier: BSL-1.0
// The fast entry whose answer is runs: a huge entry costs its grabs and one element, whatever it maps.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fast_fallback.hpp"
#include "walk_runs.hpp"

namespace pinfold::mm {

namespace detail {

/// What of [start, end) the fast walk left, by the slow path: to the end of `runs`. Returns: pages, those that are held
/// already among them, or a negative errno where there are none.
template <class P>
[[nodiscard]] long ranges_by_slow(space<P>& mm, vaddr start, vaddr end, unsigned flags, std::uint64_t held,
                                  std::vector<pinned_run<P>>& runs) {
    const std::uint64_t nr = (end - start) >> page_shift;
    if (held == nr || (flags & foll::fast_only) != 0) return static_cast<long>(held);
    // Part by part: how much is asked for is the caller's word, how much there is only the slow path knows.
    std::vector<frame<P>*> pages(std::min<std::uint64_t>(nr - held, table_entries));
    while (held != nr) {
        const std::uint64_t n = std::min<std::uint64_t>(nr - held, pages.size());
        const vaddr from = start + (held << page_shift);
        if (runs.capacity() - runs.size() < n) runs.reserve(2 * runs.capacity() + n);
        const long slow = slow_for_rest<P>(mm, from, from + (n << page_shift), flags, {pages.data(), nullptr, nullptr});
        if (slow < 0) return held != 0 ? static_cast<long>(held) : slow;
        each_run<P>(mm.phys, pages.data(), static_cast<std::uint64_t>(slow), [&](const pinned_run<P>& r) { runs.push_back(r); });
        held += static_cast<std::uint64_t>(slow);
        if (static_cast<std::uint64_t>(slow) != n) break;
    }
    return static_cast<long>(held);
}

}  // namespace detail

/// As fast_then_slow, for pages that go to the end of `runs`. Returns: pages, or a negative errno.
/// Requires also: flags name GET or PIN.
/// Complexity: per huge entry two locked instructions where pins are counted apart, else one, and a share of entering
/// the walk; per order-0 page one.
template <class P>
[[nodiscard, gnu::noinline]] long fast_then_slow_ranges(space<P>& mm, vaddr start, vaddr end, unsigned flags,
                                                       std::vector<pinned_run<P>>& runs) {
    const std::uint64_t nr = (end - start) >> page_shift;
    std::uint64_t fast = 0;
    for (bool more = true; more && fast != nr;) {
        detail::run_list<P> some;
        if (runs.capacity() - runs.size() < some.capacity)  // what is held must have a place
            runs.reserve(2 * runs.capacity() + some.capacity);
        fast += fast_part<P>(mm, start + (fast << page_shift), end, flags, nullptr, nullptr, &some);
        runs.insert(runs.end(), some.begin(), some.end());
        more = some.full();
    }
    return detail::ranges_by_slow(mm, start, end, flags, fast, runs);
}

namespace detail {

/// Whether a call may begin with one huge entry this thread remembers. plain: as for a row (fast_row.hpp).
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool asks_for_a_leaf(vaddr a, std::int64_t nr, unsigned flags, unsigned plain) noexcept {
    return walks_in_blocks<P> && is_of_one_table<P>(a, nr) && (flags & ~plain) == 0;
}

/// The units are given back, a fork may not have seen them.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long leaf_met_fork(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>* head,
                                                    std::vector<pinned_run<P>>& runs) {
    ungrab(mm.phys, head, n, flags);
    return ranges_by_slow(mm, a, a + (n << page_shift), flags, 0, runs);
}
/// The units are given back, the entry is another one now. Requires: a section, which ends here.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long leaf_has_changed(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>* head,
                                                       std::vector<pinned_run<P>>& runs) {
    {
        const fast_section section(std::adopt_lock);
        ungrab(mm.phys, head, n, flags);
        P::races::at(race_point::after_walk);
    }
    return ranges_by_slow(mm, a, a + (n << page_shift), flags, 0, runs);
}

/// fast_then_slow_ranges for pins of such a call: the n pages from `a` on are of one region.
template <class P>
[[nodiscard, gnu::noinline]] long leaf_as_run(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags,
                                             std::vector<pinned_run<P>>& runs) {
    using races = typename P::races;
    std::int64_t seq = 0;
    if constexpr (watches_fork<P, true>) {
        seq = mm.write_protect_seq.load_acquire();
        if ((seq & 1) != 0) [[unlikely]]
            return ranges_by_slow(mm, a, a + (n << page_shift), flags, 0, runs);
    }
    thread_slot* const me = this_thread_if_known();
    if (!me || runs.size() == runs.capacity()) [[unlikely]]
        return fast_then_slow_ranges(mm, a, a + (n << page_shift), flags, runs);
    fast_section::enter(*me);
    races::at(race_point::before_walk);
    reached_table* place = nullptr;
    const reached_table* const t = remembered_region(mm.tables, a, place);
    held_leaf<P> leaf;
    auto done = leaf_step::not_plain;
    if (t && !t->ptes) [[likely]]
        done = leaf.template take<true>(mm.phys, nullptr, t->above, n, plain_entry<P, true>(flags), *me);
    if (done == leaf_step::not_plain) [[unlikely]] {
        fast_section::leave(*me);
        return fast_then_slow_ranges(mm, a, a + (n << page_shift), flags, runs);
    }
    if (done == leaf_step::changed) [[unlikely]]
        return leaf_has_changed(mm, a, n, flags, leaf.head, runs);
    if constexpr (watches_fork<P, true>) {
        word64::rmw_fence();
        if (mm.write_protect_seq.load_acquire() != seq) [[unlikely]]
            return leaf_met_fork(mm, a, n, flags, leaf.head, runs);
    }
    runs.push_back({leaf.head, mm.phys.nth(leaf.base, (a & (pmd_size - 1)) >> page_shift), n});
    return static_cast<long>(n);
}

}  // namespace detail

}  // namespace pinfold::mm
