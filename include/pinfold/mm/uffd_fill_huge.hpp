// SPDX-License-Identifier: BSL-1.0
// Filling holes of watched hugetlb memory: whole huge pages, from the pool as a fault would take them.
// Source: spec 10 §18, spec 07 B9.
#pragma once

#include <cstdint>
#include <mutex>

#include "hugetlb_fault.hpp"

namespace pinfold::mm {

namespace detail {

template <class P>
void write_huge_page(physical<P>& phys, frame<P>* head, const unsigned char* from) {
    for (std::uint64_t k = 0; k < head->pages(); ++k) {
        frame<P>* page = phys.nth(head, k);
        phys.data.copy_in(*page, phys.number(page), from + (k << page_shift));
    }
}

/// One huge page at `a`, a border of v's pages. Returns: 0; -EEXIST, -EFAULT beyond the end, -ENOMEM: the pool is empty.
template <class P>
[[nodiscard]] int fill_huge(space<P>& mm, vma& v, vaddr a, const unsigned char* from, bool protect) {
    physical<P>& phys = mm.phys;
    file& f = *v.source;
    const huge_place at = reach_huge(mm, a, v.huge_order);
    if (!at.slot) return -err::enomem;
    const std::uint64_t index = huge_index(v, a);
    const std::lock_guard place(phys.hugetlb.fault_mutex(&f, index));
    if (!at.slot->read().is_empty()) return -err::eexist;
    frame<P>* head = nullptr;
    holder mine = holder::hand_out;
    if (v.has(vm::shared)) {
        const std::lock_guard cache(f.lock);
        if (v.page_offset(a) >= f.pages()) return -err::efault;
        if (f.find(v.page_offset(a))) return -err::eexist;
        head = fill_huge_locked(phys, f, index, v.node);
        if (!head) return -err::enomem;
        write_huge_page(phys, head, from);  // nobody finds it before the file's lock is free
        phys.hold(head, mine = holder::temporary);
    } else {
        head = take_huge_page(phys, v, index, true);
        if (!head) return -err::enomem;
        write_huge_page(phys, head, from);
        make_huge_anon(mm, v, a, head);
    }
    entry e = entry::leaf(phys.number(head), base_bits(v)).with(eb::dirty);
    if (protect && v.has(vm::uffd_wp)) e = e.with(eb::uffd_wp);
    else if (v.has(vm::write)) e = e.with(eb::writable);
    word_guard lock(at.lock());  // still empty: faults of this place are held off
    map_huge(head);
    phys.pass(head, mine, holder::entry);
    at.slot->set(e);
    return 0;
}

}  // namespace detail

}  // namespace pinfold::mm
