// SPDX-License-Identifier: BSL-1.0
// fork of the entries of a hugetlb VMA. Source: spec 07 §6, spec 10 §7.
#pragma once

#include "error.hpp"
#include "hugetlb_entry.hpp"
#include "rmap.hpp"

namespace pinfold::mm {

/// Effects: the child's entries of `to`. Returns: 0 or -ENOMEM. Requires: both mmap locks for writing.
template <class P>
[[nodiscard]] int fork_hugetlb(space<P>& parent, space<P>& child, vma& from, vma& to) {
    physical<P>& phys = parent.phys;
    int error = 0;
    each_huge(parent, from, from.start, from.end, [&](const huge_place& at, vaddr a) {
        if (error != 0) return;
        const huge_place dest = reach_huge(child, a, to.huge_order);
        if (!dest.slot) {
            error = -err::enomem;
            return;
        }
        word_guard outer(dest.lock());
        word_guard inner(at.lock());
        entry e = at.slot->read();
        if (e.is_leaf()) {
            frame<P>* head = phys.head(phys.at(e.number()));
            phys.hold(head, holder::entry);
            map_huge(head);
            if (head->is_anon()) head->clear(pg::exclusive);
            if (from.is_cow()) at.slot->set(e = e.without(eb::writable));
        }
        dest.slot->set(e);
    });
    return error;
}

}  // namespace pinfold::mm
