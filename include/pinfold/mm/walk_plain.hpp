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

/// Returns: the pmd's slot of `a`, and in `e` what it holds; null where the way does not lead there.
template <class P, level L = level::pgd>
[[nodiscard]] PINFOLD_DETAIL_HOT const entry_slot* slot_of_pmd(const page_tables<P>& tables, const entry_slot* table, vaddr a,
                                                                  entry& e) noexcept {
    using geo = geometry<P::p4d_folded>;
    const entry_slot* const slot = table + geo::index(a, L);
    e = slot->read();
    P::races::at(race_point::entry_read);
    if constexpr (L == level::pmd) return slot;
    else return e.is_table() ? slot_of_pmd<P, geo::child(L)>(tables, tables.slots(e.number()), a, e) : nullptr;
}

/// Returns: what this thread remembers of the region of `a`; else null, and in `place` where it would.
/// Requires: a fast section. The entry above was read in it.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT reached_table* remembered_region(const page_tables<P>& tables, vaddr a,
                                                               reached_table*& place) noexcept {
    const std::uint64_t region = a / pmd_size;
    place = &this_threads_tables().place_of(region);
    __asm__("" : "+r"(place));  // one register for its address, not its parts in three
    const std::int64_t generation = tables.generation();
    if (place->generation != generation || place->region != region || place->above->read() != place->upper) [[unlikely]]
        return nullptr;
    P::races::at(race_point::entry_read);
    return place;
}
/// Returns: the same, remembered from now on; null where the way does not lead to a pmd. Requires: as above.
template <class P>
[[nodiscard, gnu::noinline]] reached_table* find_region(const page_tables<P>& tables, vaddr a, reached_table& place) noexcept {
    const std::int64_t generation = tables.generation();
    entry upper;
    const entry_slot* const above = slot_of_pmd(tables, tables.root_slots(), a, upper);
    if (!above) return nullptr;
    place = {generation, a / pmd_size, above, upper, upper.is_table() ? tables.slots(upper.number()) : nullptr};
    return &place;
}
/// Returns: the region of `a`, remembered or found now; null where the way does not lead to a pmd. Requires: as above.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT const reached_table* region_of(const page_tables<P>& tables, vaddr a) noexcept {
    reached_table* place = nullptr;
    const reached_table* const t = remembered_region(tables, a, place);
    return t ? t : find_region(tables, a, *place);
}
/// The same, null also where there are no ptes.
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT const reached_table* ptes_of(const page_tables<P>& tables, vaddr a) noexcept {
    const reached_table* const t = region_of(tables, a);
    return t && t->ptes ? t : nullptr;
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
        const reached_table* const reached = ptes_of(mm.tables, at);
        if (!reached) return {at, held, held};
        const typename pte_blocks<P, Pin>::table table{*reached->above, reached->upper};
        began = held;
        const vaddr table_end = align_down(at, pmd_size) + pmd_size;
        std::uint64_t left = ((table_end < end ? table_end : end) - at) >> page_shift;
        entry_slot* slot = reached->ptes + geometry<P::p4d_folded>::index(at, level::pte);
        do {
            walk_step s = blocks.take_plain(slot, table, left, pages + held);
            if (s.next == walk_step::one_by_one && s.served == 0) [[unlikely]]
                s = blocks.runs(slot, table, left, pages + held);  // of folios, if of anything that goes by many
            slot += s.served;
            left -= s.served;
            held += s.served;
            if (s.next == walk_step::stop || s.served == 0) [[unlikely]]
                return {start + (held << page_shift), held, began, s.next != walk_step::stop};
        } while (left != 0);
        at = start + (held << page_shift);
    } while (at != end);
    return {at, held, began, false};
}

}  // namespace pinfold::mm::detail
