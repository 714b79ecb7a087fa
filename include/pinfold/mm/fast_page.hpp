// SPDX-License-Identifier: BSL-1.0
// The fast entry for one page: most calls ask for no more. What is met most is done here, and nothing else; whatever
// else there is, a call that has begun anew or goes on elsewhere finds out. Source: spec 05 §4 §6 §8.
#pragma once

#include <span>

#include "fast_fallback.hpp"

namespace pinfold::mm::detail {

/// Whether calls with these flags have to see that no fork write-protected the space meanwhile.
template <class P, bool Pin>
inline constexpr bool watches_fork = Pin && P::fast_pins_are_noted;

/// Effects: records a unit that stands.
template <class P, bool Pin>
PINFOLD_DETAIL_HOT void note_page(physical<P>& phys, frame<P>* page, std::int64_t flags, unsigned thread) {
    if constexpr (Pin)
        phys.stats.acquired_by(thread, static_cast<unsigned>(flags >> frame<P>::node_shift & 15), 1);
    phys.note(page, single<P, Pin>::kind, 1);
    P::races::at(race_point::between_entries);
}

template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long page_by_walk(space<P>& mm, vaddr a, unsigned flags, frame<P>** place) {
    return fast_then_slow<P>(mm, a, a + page_size, flags, {place, nullptr, nullptr});
}
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long page_by_slow(space<P>& mm, vaddr a, unsigned flags, frame<P>** place) {
    if ((flags & foll::fast_only) != 0) return 0;
    return slow_for_rest<P>(mm, a, a + page_size, flags, {place, nullptr, nullptr});
}
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long page_met_fork(space<P>& mm, vaddr a, unsigned flags, frame<P>** place) {
    ungrab(mm.phys, *place, 1, flags);
    return page_by_slow(mm, a, flags, place);
}

/// What follows where the looks behind the grab have another answer than most: the page stays or is given back.
/// Requires: the page is held, in a section, which ends here.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_COLD long page_in_doubt(space<P>& mm, vaddr a, unsigned flags, frame<P>** place,
                                                    const reached_table* t, std::int64_t seq) {
    walk_step s;
    {
        const fast_section section(std::adopt_lock);
        const walk_rules<P> rules(mm.phys, flags);
        const entry_slot* const slot = t->ptes + geometry<P::p4d_folded>::index(a, level::pte);
        s = pte_blocks<P, Pin>(rules).settle(slot, {*t->above, t->upper}, 1, place);
        P::races::at(race_point::entry_checked);
        if (s.served != 0) {
            note_page<P, Pin>(mm.phys, *place, (*place)->flags.load(), section.thread());
            (*place)->set(pg::referenced);
        }
        P::races::at(race_point::after_walk);
    }
    if (s.served == 0)
        return s.next == walk_step::stop ? page_by_slow(mm, a, flags, place) : page_by_walk(mm, a, flags, place);
    if constexpr (watches_fork<P, Pin>) {
        word64::rmw_fence();
        if (mm.write_protect_seq.load_acquire() != seq) return page_met_fork(mm, a, flags, place);
    }
    return 1;
}

/// Returns: whether the entry grants, and nothing is to be asked of the page about sharing it.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_HOT bool is_plain(entry e, unsigned flags) noexcept {
    // A pin that may not write asks about pages that are not writable, one that may write takes no others.
    const bool only_writable = Pin && P::anon_exclusive;
    return plain_leaf<P>(only_writable ? flags | foll::write : flags).passes(e);
}

/// As fast_then_slow for the page at `a`. Requires: flags without LONGTERM; Pin says whether PIN is among them.
template <class P, bool Pin>
[[nodiscard, gnu::noinline]] long page_fast(space<P>& mm, vaddr a, unsigned flags, frame<P>** place) {
    using one = single<P, Pin>;
    using races = typename P::races;
    std::int64_t seq = 0;
    if constexpr (watches_fork<P, Pin>) {
        seq = mm.write_protect_seq.load_acquire();
        if ((seq & 1) != 0) [[unlikely]]
            return page_by_slow(mm, a, flags, place);
    }
    thread_slot* const me = this_thread_if_known();
    if (!me) [[unlikely]]
        return page_by_walk(mm, a, flags, place);
    fast_section::enter(*me);
    races::at(race_point::before_walk);
    const reached_table* const t = ptes_of(mm.tables, a);
    if (!t) [[unlikely]] {
        fast_section::leave(*me);
        return page_by_walk(mm, a, flags, place);
    }
    const entry_slot* const slot = t->ptes + geometry<P::p4d_folded>::index(a, level::pte);
    const entry e = slot->read();
    races::at(race_point::entry_read);
    frame<P>* const page = mm.phys.at(e.number());
    if (!is_plain<P, Pin>(e, flags)) [[unlikely]] {
        fast_section::leave(*me);
        return page_by_walk(mm, a, flags, place);
    }
    races::at(race_point::head_resolved);
    if (!one::grab(page)) [[unlikely]] {
        fast_section::leave(*me);
        return page_by_walk(mm, a, flags, place);
    }
    physical<P>::ops::count_type::fence();
    races::at(race_point::added);
    looks<P, false> seen;
    seen.add(page);
    const kinds<P> of = seen.flags();
    *place = page;
    races::at(race_point::head_checked);
    if (slot->read() != e || !P::steps::table_is_still(*t->above, t->upper) || of.odd_or_new() ||
        (P::fast_asks_folio && (seen.all_owners() & 1) == 0)) [[unlikely]] {
        return page_in_doubt<P, Pin>(mm, a, flags, place, t, seq);
    }
    races::at(race_point::entry_checked);
    note_page<P, Pin>(mm.phys, page, of.any, me->number);
    fast_section::leave(*me);
    races::at(race_point::after_walk);
    if constexpr (watches_fork<P, Pin>) {
        word64::rmw_fence();
        if (mm.write_protect_seq.load_acquire() != seq) [[unlikely]]
            return page_met_fork(mm, a, flags, place);
    }
    return 1;
}

/// Whether page_fast serves a call. flags: the caller's own; plain: those that need no check and ask nothing of the page.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool asks_for_a_page(vaddr a, std::int64_t nr, unsigned flags, unsigned plain,
                                                     std::span<frame<P>*> pages, const gup_trace* trace) noexcept {
    return walks_in_blocks<P> && nr == 1 && (flags & ~plain) == 0 && a < geometry<P::p4d_folded>::user_end &&
           !pages.empty() && !trace;
}

}  // namespace pinfold::mm::detail
