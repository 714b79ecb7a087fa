// SPDX-License-Identifier: BSL-1.0
// Compaction of a zone: movable base pages from its bottom go into the free frames at its top, until the two scanners
// meet; what is left below is free in large blocks. Source: spec 07 §11.
#pragma once

#include <cstdint>

#include "evacuate.hpp"
#include "race_point.hpp"

namespace pinfold::mm {

/// What one compaction did.
struct compaction {
    std::uint64_t moved = 0;
    std::uint64_t stayed = 0;  ///< pages somebody holds, or of a kind that does not move
};

/// Effects: as above. A page that is pinned or held stays, and so does the block around it. Complexity: the frames of
/// the zone.
template <class P>
compaction compact_zone(physical<P>& phys, zone<P>& z, migrate_mode mode = migrate_mode::sync) {
    compaction result;
    phys.lru_drain_all();
    pfn top = z.last();
    for (pfn n = z.first(); n < top;) {
        frame<P>* f = phys.at(n);
        if (f->is(pg::buddy)) {
            n = n + (std::uint64_t{1} << f->order());
            continue;
        }
        n = n + 1;
        if (f->is_tail()) continue;
        P::races::at(race_point::head_resolved);
        if (!phys.try_get_met(f)) continue;
        frame<P>* const head = phys.head(f);  // stable now: f may have become the tail of a folio before it was held
        phys.note(head, holder::temporary, 1);
        const bool taken = !head->is(pg::large) && isolate(phys, head);  // a base page: head is f
        phys.drop(head, holder::temporary);
        if (!taken) continue;
        frame<P>* place = z.take_highest(n, top);
        if (!place) {  // the scanners have met
            put_back(phys, f);
            break;
        }
        phys.adopt(phys.number(place), phys.number(place) + 1);
        if (move_folio(phys, f, place, mode) == 0) {
            ++result.moved;
        } else {
            put_back(phys, f);
            ++result.stayed;
        }
    }
    return result;
}

/// Effects: all zones of memory.
template <class P>
compaction compact_memory(physical<P>& phys, migrate_mode mode = migrate_mode::sync) {
    compaction all;
    phys.each_zone([&](zone<P>& z) {
        const compaction one = compact_zone(phys, z, mode);
        all.moved += one.moved;
        all.stayed += one.stayed;
    });
    return all;
}

}  // namespace pinfold::mm
