// SPDX-License-Identifier: BSL-1.0
// The entries of a range, one by one under their locks, for those who change them in place. Source: spec 07 B18.
#pragma once

#include <algorithm>

#include "zap.hpp"

namespace pinfold::mm {

/// Effects: calls change(place, address, span) for each entry in [from, to) that is neither none nor a table, under its
/// lock. Huge entries only partly covered are split first, or dropped where a file is behind them.
/// Requires: the mmap lock.
template <class P, class Change>
void each_entry(space<P>& mm, vaddr from, vaddr to, Change change) {
    using geo = geometry<P::p4d_folded>;
    for (vaddr a = from; a < to;) {
        auto at = mm.tables.find(a, level::pte);
        if (at.at != level::pte) {
            const std::uint64_t span = geo::span(at.at);
            const vaddr begin = align_down(a, span);
            if (!at.slot->read().is_none()) {
                word_guard lock(at.lock());
                const entry e = at.slot->read();
                if (e.is_table()) continue;
                if (!is_huge(e) || (begin >= from && begin + span <= to)) {
                    if (!e.is_none()) change(at, begin, span);
                } else if (mm.phys.head(mm.phys.at(e.number()))->is(pg::hugetlb)) {
                    // hugetlb is never cut: what concerns part of a page does not concern it
                } else if (splits_to_ptes(mm, e)) {
                    split_pmd_locked(mm, at, mm.find(a));
                    continue;
                } else {
                    zap_gather<P> gather(mm);
                    zap_pmd(mm, at, gather);
                }
            }
            a = begin + span;
            continue;
        }
        const vaddr stop = std::min<vaddr>(to, align_down(a, pmd_size) + pmd_size);
        word_guard lock(at.lock());
        for (; a < stop; a += page_size, ++at.slot)
            if (!at.slot->read().is_none()) change(at, a, page_size);
    }
}

/// The same for entries that map memory.
template <class P, class Change>
void each_leaf(space<P>& mm, vaddr from, vaddr to, Change change) {
    each_entry(mm, from, to, [&](const auto& at, vaddr a, std::uint64_t span) {
        if (at.slot->read().is_leaf()) change(at, a, span);
    });
}

/// Effects: e becomes what next(e) says. Returns: what it was. Requires: its lock; only accesses change it meanwhile.
template <class Next>
entry update_entry(entry_slot& slot, Next next) {
    for (;;) {
        const entry e = slot.read();
        const entry now = next(e);
        if (now == e || slot.swap(e, now)) return e;
    }
}

}  // namespace pinfold::mm
