// SPDX-License-Identifier: BSL-1.0
// Memory failure inside a huge page: every mapping of the whole page becomes a hwpoison entry, a file keeps the page so
// that nobody reads zeros in its place, and when the last holder lets go, all frames but the failed ones are free.
// Source: spec 07 §15 B16.
#pragma once

#include <algorithm>

#include "failure_report.hpp"
#include "hugetlb_zap.hpp"
#include "pagecache.hpp"

namespace pinfold::mm {

namespace detail {

/// Calls visit(space&, vma&, address) for each VMA that may map the huge page, under the lock of its rmap or file.
template <class P, class Visit>
void each_huge_vma(frame<P>* head, Visit visit) {
    const auto one = [&](vma& v) { visit(*static_cast<space<P>*>(v.owner), v, v.address_of(head->index)); };
    if (head->is_anon()) {
        auto* rmap = head->template owner_as<anon_rmap>();
        std::lock_guard guard(rmap->lock);
        rmap->each_overlapping(head->index, head->pages(), [&](vma& v, vaddr) { one(v); });
    } else if (file* f = head->template owner_as<file>()) {
        std::lock_guard guard(f->lock);
        f->mappings.each_overlapping(head->index, 1, one);
    }
}

}  // namespace detail

/// Requires: page belongs to a hugetlb page of which the caller has a reference (holder: temporary), which goes.
template <class P>
[[nodiscard]] failure_report<P> fail_huge_page(physical<P>& phys, frame<P>* page) {
    frame<P>* head = phys.head(page);
    page->set(pg::hwpoison);
    head->set(pg::hwpoison);
    failure_report<P> report{failure_fate::contained, 0};
    report.data_lost = true;
    std::uint64_t gone = 0;
    detail::each_huge_vma<P>(head, [&](space<P>& mm, vma& v, vaddr a) {
        const huge_place at = find_huge(mm, a, v.huge_order);
        if (!at.slot) return;
        word_guard lock(at.lock());
        const entry e = at.slot->read();
        if (!e.is_leaf() || e.number() != phys.number(head)) return;
        if (at.slot->take().has(eb::dirty)) head->set(pg::dirty);
        at.slot->set(entry::make(entry_kind::hwpoison, e.number()));
        unmap_huge(head);
        ++gone;
        if (std::find(report.users.begin(), report.users.end(), &mm) == report.users.end()) report.users.push_back(&mm);
    });
    word64::full_fence();
    if (gone != 0) phys.drop(head, holder::entry, gone);
    const bool cached = !head->is_anon() && head->mapping.load() != 0;
    report.holders = head->count.refs() - 1 - (cached ? static_cast<std::int64_t>(cache_units(head)) : 0);
    if (report.holders != 0) report.fate = failure_fate::still_referenced;
    phys.drop(head, holder::temporary);
    return report;
}

}  // namespace pinfold::mm
