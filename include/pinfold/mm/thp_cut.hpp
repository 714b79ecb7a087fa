// SPDX-License-Identifier: BSL-1.0
// A cached large folio of which only a part is truncated or punched out. Source: spec 07 B13 step 4, spec 10 §12.
#pragma once

#include <algorithm>

#include "thp_split.hpp"

namespace pinfold::mm {

enum class cut_folio : unsigned char {
    pieces,  ///< base pages now: those inside the range are to be removed like all others
    kept,    ///< somebody holds it: it stays whole in the cache, zero where it was cut
    clean,   ///< somebody holds it, but nobody ever wrote to it: it is to be removed as a whole
};

/// Effects: pages [first, last) of the file read zero from now on where `head`, a large folio, has them; it is split if
/// nobody holds it. Returns: what became of it. Requires: a reference (temporary) and the page lock of head, no other
/// lock; the range is unmapped already and covers a part of the folio. Lock and reference stay with head.
template <class P>
[[nodiscard]] cut_folio cut_large_folio(physical<P>& phys, frame<P>* head, std::uint64_t first, std::uint64_t last) {
    const std::uint64_t n = head->pages();
    const std::uint64_t from = std::max(first, head->index) - head->index;
    const std::uint64_t to = std::min(last, head->index + n) - head->index;
    for (std::uint64_t k = from; k < to; ++k) {
        frame<P>* page = phys.nth(head, k);
        phys.data.fill(*page, phys.number(page), 0);
    }
    if (split_folio(phys, head, head) == 0) return cut_folio::pieces;
    return head->is(pg::dirty) ? cut_folio::kept : cut_folio::clean;
}

}  // namespace pinfold::mm
