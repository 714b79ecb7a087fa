// SPDX-License-Identifier: BSL-1.0
// What most calls meet, and nothing else: tables straight down to ptes of plain pages. Apart from the general walk, to
// which everything else is left, because what it keeps is little. Source: spec 05 §4.
#pragma once

#include <cstdint>

#include "space.hpp"
#include "walk_block.hpp"

namespace pinfold::mm::detail {

/// How far plain rows led.
struct plain_progress {
    vaddr at;                 ///< where something else is, or the end
    std::uint64_t held = 0;   ///< pages
    std::uint64_t began = 0;  ///< pages before the last table
    bool more = true;         ///< whether the general walk goes on
};

/// Returns: the slot over the ptes of `a`, and in `e` what it holds; null where the way does not lead there.
template <class P, level L = level::pgd>
[[nodiscard]] PINFOLD_DETAIL_HOT entry_slot* slot_above_ptes(const page_tables<P>& tables, entry_slot* table, vaddr a,
                                                            entry& e) noexcept {
    using geo = geometry<P::p4d_folded>;
    entry_slot* const slot = table + geo::index(a, L);
    e = slot->read();
    P::races::at(race_point::entry_read);
    if (!e.is_table()) return nullptr;
    if constexpr (L == level::pmd) return slot;
    else return slot_above_ptes<P, geo::child(L)>(tables, tables.slots(e.number()), a, e);
}

/// As hold_plain_rows, for one page: most calls ask for no more.
template <class P, bool Pin>
[[nodiscard]] PINFOLD_DETAIL_HOT plain_progress hold_plain_page(space<P>& mm, vaddr a, unsigned flags, frame<P>** pages) {
    using one = single<P, Pin>;
    using races = typename P::races;
    const walk_rules<P> rules(mm.phys, flags);
    entry upper;
    const entry_slot* const above = slot_above_ptes(mm.tables, mm.tables.root_slots(), a, upper);
    if (!above) [[unlikely]]
        return {a};
    const entry_slot* const slot = mm.tables.slots(upper.number()) + geometry<P::p4d_folded>::index(a, level::pte);
    const entry e = slot->read();
    races::at(race_point::entry_read);
    frame<P>* const page = mm.phys.at(e.number());
    if (!rules.plain_leaf().passes(e) || rules.asks_each() || rules.asks_unshare(e) || is_odd(page)) [[unlikely]]
        return {a};
    races::at(race_point::head_resolved);
    if (!one::grab(page)) [[unlikely]]
        return {a};
    physical<P>::ops::count_type::fence();
    races::at(race_point::added);
    looks<P, false> seen;
    seen.add(page);
    const kinds<P> of = seen.flags();
    races::at(race_point::head_checked);
    *pages = page;
    const bool same = slot->read() == e;
    if (!same || !P::steps::table_is_still(*above, upper) || of.odd() ||
        (P::fast_asks_folio && (seen.all_owners() & 1) == 0)) [[unlikely]] {
        const walk_step s = pte_blocks<P, Pin>(rules).settle(slot, {*above, upper}, 1, same, pages);
        if (s.served == 0) return {a, 0, 0, s.next != walk_step::stop};
    }
    races::at(race_point::entry_checked);
    if constexpr (Pin) mm.phys.stats.acquired(page->node(), 1);
    mm.phys.note(page, one::kind, 1);
    if (!page->is(pg::referenced)) [[unlikely]]
        page->set(pg::referenced);
    races::at(race_point::between_entries);
    return {a + page_size, 1, 0, false};
}

/// Effects: one unit on each page from `start` on, as far as blocks serve them. Requires: a fast section.
template <class P, bool Pin>
[[nodiscard, gnu::noinline]] plain_progress hold_plain_rows(space<P>& mm, vaddr start, vaddr end, unsigned flags,
                                                           frame<P>** pages) {
    const walk_rules<P> rules(mm.phys, flags);
    pte_blocks<P, Pin> blocks(rules);
    vaddr at = start;
    std::uint64_t held = 0, began = 0;
    do {
        entry upper;
        entry_slot* const above = slot_above_ptes(mm.tables, mm.tables.root_slots(), at, upper);
        if (!above) return {at, held, held};
        began = held;
        const vaddr table_end = align_down(at, pmd_size) + pmd_size;
        std::uint64_t left = ((table_end < end ? table_end : end) - at) >> page_shift;
        entry_slot* slot = mm.tables.slots(upper.number()) + geometry<P::p4d_folded>::index(at, level::pte);
        do {
            const walk_step s = blocks.take_plain(slot, {*above, upper}, left, pages + held);
            slot += s.served;
            left -= s.served;
            held += s.served;
            if (s.next != walk_step::go_on) [[unlikely]]
                return {start + (held << page_shift), held, began, s.next != walk_step::stop};
        } while (left != 0);
        at = start + (held << page_shift);
    } while (at != end);
    return {at, held, began, false};
}

}  // namespace pinfold::mm::detail
