// SPDX-License-Identifier: BSL-1.0
// What is mapped at an address, for those who want to do something to the page: with a reference, without a fault.
#pragma once

#include "hugetlb_entry.hpp"
#include "thp.hpp"

namespace pinfold::mm {

enum class mapped_as : unsigned char { nothing, page, zero, raw, device };

template <class P>
struct mapped_page {
    mapped_as what = mapped_as::nothing;
    frame<P>* page = nullptr;  ///< page: with a reference of its folio (holder: temporary); device: without
};

/// Requires: the mmap lock. Entries that are not present count as nothing.
template <class P>
[[nodiscard]] mapped_page<P> hold_mapped_page(space<P>& mm, vaddr a) {
    physical<P>& phys = mm.phys;
    const huge_place at = find_leaf(mm, a);
    word_guard lock(at.lock());
    const entry e = at.slot->read();
    if (e.is_table()) {  // split since it was found
        lock.release();
        return hold_mapped_page(mm, a);
    }
    if (!e.is_leaf()) return {};
    frame<P>* page = phys.at(e.number() + ((a & (at.span - 1)) >> page_shift));
    if (e.has(eb::devmap)) return {mapped_as::device, page};
    if (e.has(eb::special)) return {phys.is_zero_page(page) ? mapped_as::zero : mapped_as::raw, nullptr};
    frame<P>* head = phys.head(page);
    if (phys.is_huge_zero(head)) return {mapped_as::zero, nullptr};
    if (head->zone() == zone_kind::device) return {mapped_as::device, page};
    phys.hold(head, holder::temporary);
    return {mapped_as::page, page};
}

}  // namespace pinfold::mm
