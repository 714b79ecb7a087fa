// SPDX-License-Identifier: BSL-1.0
// Taking the entries of huge pages away. The owner of a private mapping gets its promise back: at once with the
// mapping, in the pool when the page is freed. Source: spec 07 §9 B17, spec 10 §13.
#pragma once

#include <algorithm>
#include <vector>

#include "hugetlb_entry.hpp"
#include "hugetlb_reserve.hpp"
#include "race_point.hpp"
#include "rmap.hpp"

namespace pinfold::mm {

namespace detail {

/// Clears one huge entry, all but its protection where marks stay. Requires: its lock.
/// Returns: the head whose reference (holder: entry) is now the caller's.
template <class P>
[[nodiscard]] frame<P>* clear_huge(physical<P>& phys, vma& v, vaddr a, const huge_place& at, bool marks_stay = false) {
    const entry seen = at.slot->read();
    frame<P>* head = seen.is_leaf() ? phys.head(phys.at(seen.number())) : nullptr;
    if (P::hugetlb_unmap_restores && head && v.promised && head->is_anon() && phys.hugetlb.of(v.huge_order)->state().surplus == 0) {
        head->set(pg::restore_reserve);
        v.promised->untake(huge_index(v, a));  // before the place is empty: a fault that finds it so asks for the promise
    }
    const entry e = at.slot->take();
    if (marks_stay) at.slot->set(e.protection());
    P::races::at(race_point::cleared);
    if (!head) return nullptr;
    if (e.has(eb::dirty)) head->set(pg::dirty);
    unmap_huge(head);
    return head;
}

}  // namespace detail

/// Effects: clears the entries of the hugetlb VMA v in [from, to); counts go after the flush.
/// `marks_stay`: what userfaultfd protected stays so, empty.
/// Requires: the mmap lock, or the lock of v's file; from and to are borders of its pages.
template <class P>
void zap_huge_range(space<P>& mm, vma& v, vaddr from, vaddr to, bool marks_stay = false) {
    physical<P>& phys = mm.phys;
    std::vector<frame<P>*> owed;
    each_huge(mm, v, from, to, [&](const huge_place& at, vaddr a) {
        word_guard lock(at.lock());
        if (frame<P>* head = detail::clear_huge(phys, v, a, at, marks_stay)) owed.push_back(head);
    });
    word64::full_fence();  // the flush: whoever reads a count now sees the entries gone
    for (frame<P>* head : owed) phys.drop(head, holder::entry);
}

/// Effects: clears what maps the places [from, to) (in pages) of f, in all address spaces, private copies too.
/// Requires: f.lock.
template <class P>
void unmap_huge_file(file& f, std::uint64_t from, std::uint64_t to) {
    if (from >= to) return;
    f.mappings.each_overlapping(from, to - from, [&](vma& v) {
        const std::uint64_t first = std::max(from, v.pgoff), last = std::min(to, v.pgoff + v.pages());
        zap_huge_range(*static_cast<space<P>*>(v.owner), v, v.address_of(first), v.address_of(last));
    });
}

}  // namespace pinfold::mm
