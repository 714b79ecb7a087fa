// SPDX-License-Identifier: BSL-1.0
// The fast entry for one page, or several of one table: most calls ask for no more. What is met most is done here, and
// nothing else; whatever else there is, a call that has begun anew or goes on elsewhere finds out.
// Source: spec 05 §4 §6 §8.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "fast_fallback.hpp"

namespace pinfold::mm::detail {

/// Effects: records units that stand, of pages that are of one node and marked referenced.
template <class P, bool Pin>
PINFOLD_DETAIL_HOT void note_pages(physical<P>& phys, frame<P>* const* pages, std::uint64_t n, std::int64_t flags,
                                   unsigned thread) {
    if constexpr (Pin)
        phys.stats.acquired_by(thread, static_cast<unsigned>(flags >> frame<P>::node_shift & 15), n);
    if constexpr (P::ledger::enabled)
        for (std::uint64_t i = 0; i < n; ++i) phys.note(pages[i], single<P, Pin>::kind, 1);
}
/// The same of any pages, which are marked.
template <class P, bool Pin>
PINFOLD_DETAIL_COLD void note_each(physical<P>& phys, frame<P>* const* pages, std::uint64_t n, unsigned thread) {
    for (std::uint64_t i = 0; i < n; ++i) {
        const std::int64_t flags = pages[i]->flags.load();
        note_pages<P, Pin>(phys, pages + i, 1, flags, thread);
        if ((flags & frame<P>::bit(pg::referenced)) == 0) pages[i]->set(pg::referenced);
    }
}

/// Where a call comes to an end that began here: the n pages from `a` on, or what is left of them.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long row_by_walk(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages) {
    return fast_then_slow<P>(mm, a, a + (n << page_shift), flags, {pages, nullptr, nullptr});
}
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long row_by_slow(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages) {
    if ((flags & foll::fast_only) != 0) return 0;
    return slow_for_rest<P>(mm, a, a + (n << page_shift), flags, {pages, nullptr, nullptr});
}
/// The first `held` of the pages are given back: a fork may not have seen them.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_COLD long row_met_fork(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages,
                                                   std::uint64_t held) {
    while (held-- > 0) ungrab(mm.phys, pages[held], 1, flags);
    return row_by_slow(mm, a, n, flags, pages);
}

/// How many pages are asked for, and how many of them are held.
struct row_progress {
    std::uint32_t asked, held;
};

/// What follows when a step has served the first of n pages, in a section that is over.
template <class P, bool Pin>
[[nodiscard]] long row_goes_on(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages, walk_step s,
                               std::int64_t seq) {
    if constexpr (watches_fork<P, Pin>) {
        if (s.served != 0) {
            word64::rmw_fence();
            if (mm.write_protect_seq.load_acquire() != seq) return row_met_fork(mm, a, n, flags, pages, s.served);
        }
    }
    if (s.served == n) return static_cast<long>(n);
    const auto rest = s.next == walk_step::stop ? &row_by_slow<P> : &row_by_walk<P>;
    const long more = rest(mm, a + (s.served << page_shift), n - s.served, flags, pages + s.served);
    // An error would leak what is held: the caller gets a short count and meets the error next time.
    if (more < 0) return s.served != 0 ? static_cast<long>(s.served) : more;
    return static_cast<long>(s.served) + more;
}

/// What follows where the looks behind the grabs have another answer than most: which pages stay, which are given back,
/// and who goes on. Requires: those are held in a section, which ends here, in a table that was remembered.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_COLD long row_in_doubt(space<P>& mm, vaddr a, row_progress row, unsigned flags, frame<P>** pages,
                                                   std::int64_t seq) {
    const std::uint64_t n = row.asked;
    walk_step s;
    {
        const fast_section section(std::adopt_lock);
        const walk_rules<P> rules(mm.phys, Pin ? flags : flags | foll::get);  // what names neither asked for a reference
        const reached_table& t = this_threads_tables().place_of(a / pmd_size);
        const entry_slot* const slot = t.ptes + geometry<P::p4d_folded>::index(a, level::pte);
        s = pte_blocks<P, Pin>(rules).settle(slot, {*t.above, t.upper}, row.held, pages);
        P::races::at(race_point::entry_checked);
        note_each<P, Pin>(mm.phys, pages, s.served, section.thread());
        P::races::at(race_point::between_entries);
        P::races::at(race_point::after_walk);
    }
    return row_goes_on<P, Pin>(mm, a, n, flags, pages, s, seq);
}

/// No page is held: folios that ptes map are taken by runs, with what is there already; everything else begins anew.
/// Requires: a section, which ends here, and a table that was remembered.
template <class P, bool Pin>
[[nodiscard, gnu::noinline]] long row_of_folios(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages,
                                               std::int64_t seq) {
    walk_step s{walk_step::one_by_one, 0};
    {
        const fast_section section(std::adopt_lock);
        const walk_rules<P> rules(mm.phys, Pin ? flags : flags | foll::get);
        const reached_table& t = this_threads_tables().place_of(a / pmd_size);
        entry_slot* const slot = t.ptes + geometry<P::p4d_folded>::index(a, level::pte);
        const entry e = slot->read();
        P::races::at(race_point::entry_read);
        if (rules.plain_leaf().passes(e) && is_odd(mm.phys.at(e.number())))
            s = pte_blocks<P, Pin>(rules).runs(slot, {*t.above, t.upper}, n, pages);
        P::races::at(race_point::after_walk);
    }
    return row_goes_on<P, Pin>(mm, a, n, flags, pages, s, seq);
}

/// One page: as hold_row for one entry, with everything in registers.
template <class P, bool Pin>
struct hold_page {
    using how_many = std::integral_constant<std::uint64_t, 1>;  ///< which takes no register
    static constexpr std::uint64_t n = 1;
    looks<P, false> seen;
    bool same = false;

    explicit hold_page(how_many) noexcept {}
    [[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t hold(const entry_slot* slot, frame<P>** place, const entry_test& rule,
                                                       const physical<P>& phys) noexcept {
        using races = typename P::races;
        const entry e = slot->read();
        races::at(race_point::entry_read);
        frame<P>* const page = phys.map.finder().at(e.number());
        if (!rule.passes(e) || (page->link.load_acquire() & 1) != 0) [[unlikely]]  // a tail has no count
            return 0;
        races::at(race_point::head_resolved);
        if (!single<P, Pin>::grab(page)) [[unlikely]]
            return 0;
        physical<P>::ops::count_type::fence();
        races::at(race_point::added);
        seen.add(page);
        *place = page;
        races::at(race_point::head_checked);
        same = slot->read() == e;
        return 1;
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool in_doubt(kinds<P> of) const noexcept { return !same || of.odd_or_new(); }
    [[nodiscard]] PINFOLD_DETAIL_HOT static bool alike(kinds<P>) noexcept { return true; }
};

/// Several pages of one table.
template <class P, bool Pin>
struct hold_pages {
    using how_many = std::uint64_t;
    const std::uint64_t n;
    held_row<P> row;
    looks<P, P::walk::wide>& seen = row.seen;

    explicit hold_pages(std::uint64_t asked) noexcept : n(asked) {}
    [[nodiscard]] PINFOLD_DETAIL_HOT std::uint64_t hold(const entry_slot* slot, frame<P>** pages, const entry_test& rule,
                                                       const physical<P>& phys) noexcept {
        const entry e = slot->read();
        if (!rule.passes(e) || is_odd(phys.map.finder().at(e.number())) || !are_in_order(slot, n)) [[unlikely]]
            return 0;
        hold_row<P, Pin, false>(slot, n, pages, rule, phys, row);
        return row.held;
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool in_doubt(kinds<P> of) const noexcept {
        return !row.same || row.held != n || of.odd();
    }
    /// Whether they are noted together.
    [[nodiscard]] PINFOLD_DETAIL_HOT static bool alike(kinds<P> of) noexcept { return !of.one_is_new() && of.of_one_node(); }
};

/// There are no ptes: a huge entry is taken as it is, everything else begins anew.
/// Requires: a section, which ends here, and a region that was remembered.
template <class P, bool Pin>
[[nodiscard, gnu::noinline]] long row_of_leaf(space<P>& mm, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages,
                                             std::int64_t seq) {
    walk_step s{walk_step::one_by_one, 0};
    {
        const fast_section section(std::adopt_lock);
        const entry_slot* const slot = this_threads_tables().place_of(a / pmd_size).above;
        s = fast_walk<P>(mm, Pin ? flags : flags | foll::get, pages, nullptr, nullptr)
                .template run_leaf<Pin>(slot, a, a + (n << page_shift));
        P::races::at(race_point::after_walk);
    }
    return row_goes_on<P, Pin>(mm, a, n, flags, pages, s, seq);
}

/// The unit that was held is given back, its entry is another one now. Requires: a section, which ends here.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_COLD long row_has_changed(space<P>& mm, vaddr a, unsigned flags, frame<P>** pages, std::int64_t seq,
                                                      frame<P>* head) {
    {
        const fast_section section(std::adopt_lock);
        ungrab(mm.phys, head, 1, Pin ? flags : flags | foll::get);
        P::races::at(race_point::after_walk);
    }
    return row_goes_on<P, Pin>(mm, a, 1, flags, pages, {walk_step::stop, 0}, seq);
}
/// There are no ptes, or one that does not map a page of its own: a page of a large folio costs a unit of the head.
/// Requires: as above, and nothing is held.
template <class P, bool Pin>
[[nodiscard, gnu::noinline]] long row_of_folio_page(space<P>& mm, vaddr a, unsigned flags, frame<P>** pages, std::int64_t seq) {
    const reached_table& t = this_threads_tables().place_of(a / pmd_size);
    const entry_slot* const slot = t.ptes ? t.ptes + geometry<P::p4d_folded>::index(a, level::pte) : t.above;
    held_leaf<P> leaf;
    const auto done = leaf.template take<Pin>(mm.phys, &t, slot, 1, plain_entry<P, Pin>(flags), *this_thread_if_known());
    if (done == leaf_step::not_plain) [[unlikely]]
        return (t.ptes ? &row_of_folios<P, Pin> : &row_of_leaf<P, Pin>)(mm, a, 1, flags, pages, seq);
    if (done == leaf_step::changed) [[unlikely]]
        return row_has_changed<P, Pin>(mm, a, flags, pages, seq, leaf.head);
    *pages = t.ptes ? leaf.base : mm.phys.nth(leaf.base, (a & (pmd_size - 1)) >> page_shift);
    if constexpr (watches_fork<P, Pin>) {
        word64::rmw_fence();
        if (mm.write_protect_seq.load_acquire() != seq) [[unlikely]]
            return row_met_fork(mm, a, 1, flags, pages, 1);
    }
    return 1;
}

template <class P, bool Pin, template <class, bool> class Hold>
[[nodiscard, gnu::noinline]] long row_fast(space<P>& mm, vaddr a, typename Hold<P, Pin>::how_many n, unsigned flags, frame<P>** pages);

/// The region is not remembered: once it is, the call begins anew.
template <class P, bool Pin, template <class, bool> class Hold>
[[nodiscard]] PINFOLD_DETAIL_COLD long row_of_new_region(space<P>& mm, vaddr a, typename Hold<P, Pin>::how_many n, unsigned flags,
                                                        frame<P>** pages) {
    const auto found = [&] {
        const fast_section section;
        return find_region(mm.tables, a, this_threads_tables().place_of(a / pmd_size)) != nullptr;
    };
    if (!found()) return row_by_walk(mm, a, n, flags, pages);
    return row_fast<P, Pin, Hold>(mm, a, n, flags, pages);
}

/// As fast_then_slow for the n pages from `a` on, which one table maps. Hold: hold_page or hold_pages.
/// Requires: flags without LONGTERM; Pin says whether PIN is among them.
template <class P, bool Pin, template <class, bool> class Hold>
long row_fast(space<P>& mm, vaddr a, typename Hold<P, Pin>::how_many n, unsigned flags, frame<P>** pages) {
    using races = typename P::races;
    Hold<P, Pin> all(n);
    std::int64_t seq = 0;
    if constexpr (watches_fork<P, Pin>) {
        seq = mm.write_protect_seq.load_acquire();
        if ((seq & 1) != 0) [[unlikely]]
            return row_by_slow(mm, a, n, flags, pages);
    }
    thread_slot* const me = this_thread_if_known();
    if (!me) [[unlikely]]
        return row_by_walk(mm, a, n, flags, pages);
    fast_section::enter(*me);
    races::at(race_point::before_walk);
    reached_table* place = nullptr;
    const reached_table* const t = remembered_region(mm.tables, a, place);
    if (!t) [[unlikely]] {
        fast_section::leave(*me);
        return row_of_new_region<P, Pin, Hold>(mm, a, n, flags, pages);
    }
    constexpr bool one = std::is_same_v<Hold<P, Pin>, hold_page<P, Pin>>;
    if (!t->ptes) [[unlikely]] {
        if constexpr (one) return row_of_folio_page<P, Pin>(mm, a, flags, pages, seq);
        else return row_of_leaf<P, Pin>(mm, a, n, flags, pages, seq);
    }
    const std::uint64_t held =
        all.hold(t->ptes + geometry<P::p4d_folded>::index(a, level::pte), pages, plain_entry<P, Pin>(flags), mm.phys);
    if (held == 0) [[unlikely]] {
        if constexpr (one) return row_of_folio_page<P, Pin>(mm, a, flags, pages, seq);
        else return row_of_folios<P, Pin>(mm, a, n, flags, pages, seq);
    }
    const kinds<P> of = all.seen.flags();
    if (all.in_doubt(of) || !P::steps::table_is_still(*t->above, t->upper) ||
        (P::fast_asks_folio && (all.seen.all_owners() & 1) == 0)) [[unlikely]] {
        const row_progress row{static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(held)};
        return row_in_doubt<P, Pin>(mm, a, row, flags, pages, seq);
    }
    races::at(race_point::entry_checked);
    if (all.alike(of)) [[likely]]
        note_pages<P, Pin>(mm.phys, pages, all.n, of.any, me->number);
    else
        note_each<P, Pin>(mm.phys, pages, all.n, me->number);
    races::at(race_point::between_entries);
    fast_section::leave(*me);
    races::at(race_point::after_walk);
    if constexpr (watches_fork<P, Pin>) {
        word64::rmw_fence();
        if (mm.write_protect_seq.load_acquire() != seq) [[unlikely]]
            return row_met_fork(mm, a, n, flags, pages, all.n);
    }
    return static_cast<long>(all.n);
}
/// Whether a call may begin here. flags: the caller's own; plain: those that need no check and ask nothing of a page.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool asks_for_a_row(vaddr a, std::int64_t nr, unsigned flags, unsigned plain,
                                                    std::span<frame<P>*> pages, const gup_trace* trace) noexcept {
    const bool is_row = walks_in_blocks<P> && is_of_one_table<P>(a, nr) && (flags & ~plain) == 0 && !pages.empty() && !trace;
    PINFOLD_ASSERT(!is_row || static_cast<std::uint64_t>(nr) <= pages.size());
    return is_row;
}
/// fast_then_slow for such a call.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_HOT long row_or_page_fast(space<P>& mm, vaddr a, std::int64_t nr, unsigned flags, frame<P>** pages) {
    if (nr == 1) return row_fast<P, Pin, hold_page>(mm, a, {}, flags, pages);
    return row_fast<P, Pin, hold_pages>(mm, a, static_cast<std::uint64_t>(nr), flags, pages);
}

}  // namespace pinfold::mm::detail
