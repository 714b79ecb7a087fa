// SPDX-License-Identifier: BSL-1.0
// A huge entry of memory, with nothing to be asked of each page: as many units on its folio as pages are wanted.
// Source: spec 05 §4 PMD/F.
#pragma once

#include <cstdint>

#include "table_cache.hpp"
#include "walk_looks.hpp"
#include "walk_rules.hpp"

namespace pinfold::mm::detail {

enum class leaf_step { taken, changed, not_plain };

/// What an entry maps, and its folio when it was held: there are flags of one that is.
template <class P>
struct held_leaf {
    using page = frame<P>;
    entry e;
    page* base = nullptr;
    page* head = nullptr;
    std::int64_t flags = 0;

    /// Effects: n units of the folio that the entry maps, if it is plain and grants them, and its folio is and stays one of
    /// memory. Returns: whether they are held. Requires: a fast section. The caller then looks whether the entry is still e.
    template <bool Pin>
    [[nodiscard]] PINFOLD_DETAIL_HOT bool hold(const entry_slot* slot, std::uint64_t n, const entry_test& plain,
                                               const physical<P>& phys) {
        using ops = typename physical<P>::ops;
        using races = typename P::races;
        using unit = units_of_head<P, Pin>;
        e = slot->read();
        if (!plain.passes(e)) return false;
        base = phys.map.finder().at(e.number());
        head = ops::head(base);
        const std::int64_t before = head->flags.load();
        if ((before & page::bit(pg::large)) == 0) return false;
        const bool exact = counts_pins_exactly(*head, before);
        races::at(race_point::entry_read);
        races::at(race_point::head_resolved);
        if (!unit::grab(head, n, exact)) [[unlikely]]
            return false;
        ops::count_type::fence();
        races::at(race_point::added);
        flags = head->flags.load();
        if (ops::head(base) != head || (flags & page::bit(pg::large)) == 0 || kinds<P>{flags, flags}.of_device() ||
            counts_pins_exactly(*head, flags) != exact) [[unlikely]] {
            unit::drop(head, n, exact);
            return false;
        }
        races::at(race_point::head_checked);
        return true;
    }
    /// Effects: the same for a call that begins with what this thread remembers, and in this section, needs no more: the
    /// units are counted, and unless the entry, or the one above its table (`under`), has changed, the section ends.
    template <bool Pin>
    [[nodiscard]] PINFOLD_DETAIL_HOT leaf_step take(physical<P>& phys, const reached_table* under, const entry_slot* slot, std::uint64_t n,
                                                    const entry_test& plain, thread_slot& me) {
        using races = typename P::races;
        if (!hold<Pin>(slot, n, plain, phys)) return leaf_step::not_plain;
        if constexpr (Pin) phys.stats.acquired_by(me.number, node(), n);
        phys.note(head, single<P, Pin>::kind, static_cast<std::int64_t>(n));
        if (slot->read() != e || (under && !P::steps::table_is_still(*under->above, under->upper))) [[unlikely]]
            return leaf_step::changed;
        races::at(race_point::entry_checked);
        if (is_new()) [[unlikely]]
            head->set(pg::referenced);
        races::at(race_point::between_entries);
        fast_section::leave(me);
        races::at(race_point::after_walk);
        return leaf_step::taken;
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT unsigned node() const noexcept { return static_cast<unsigned>(flags >> page::node_shift & 15); }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool is_new() const noexcept { return (flags & page::bit(pg::referenced)) == 0; }
};

}  // namespace pinfold::mm::detail
