// SPDX-License-Identifier: BSL-1.0
// Taking mappings away, and what must be asked before a mapping is cut. Source: spec 07 B17.
#pragma once

#include "dax_file.hpp"
#include "hugetlb_file.hpp"
#include "truncate.hpp"
#include "zap.hpp"

namespace pinfold::mm {

// Requires, for all: the mmap lock; unmap_range: for writing.

/// Returns: whether `a` may become a border.
template <class P>
[[nodiscard]] bool may_cut(space<P>& mm, vaddr a) {
    const vma* v = mm.find(a);
    return !v || v->start == a || v->may_split(a);
}

/// Returns: whether [a, end) has no hole.
template <class P>
[[nodiscard]] bool is_covered(space<P>& mm, vaddr a, vaddr end) {
    while (a < end) {
        const vma* v = mm.find(a);
        if (!v) return false;
        a = v->end;
    }
    return true;
}

/// Effects: nothing is mapped in [from, to) any more; what is pinned lives on its pins.
template <class P>
void unmap_range(space<P>& mm, vaddr from, vaddr to) {
    mm.split_at(from);
    mm.split_at(to);
    auto& tree = mm.vmas();
    auto it = tree.lower_bound(from);
    const vaddr floor = it == tree.begin() ? 0 : std::prev(it)->second.end;
    bool any = false;
    while (it != tree.end() && it->second.start < to) {
        vma& v = it->second;
        zap_range(mm, v, v.start, v.end);
        ++it;
        end_promise(mm.phys, v);
        file* const huge = v.is_hugetlb() ? v.source : nullptr;
        file* const dax = v.is_dax() ? v.source : nullptr;
        file* const cached = v.source;
        mm.erase(v);  // out of the rmaps before its tables go
        if (huge) forsake_huge(mm.phys, *huge);
        if (dax) dax_forsake(mm.phys, *dax);
        if (cached) forsake_cached(mm.phys, *cached);
        any = true;
    }
    const vaddr ceiling = it == tree.end() ? ~vaddr{0} : it->second.start;
    if (any) mm.tables.free_range(floor, ceiling);
}

}  // namespace pinfold::mm
