// SPDX-License-Identifier: BSL-1.0
// A frame of memory has failed: it is taken from whoever uses it, if that can be done, and never used again.
// Source: spec 07 §15 B16.
#pragma once

#include <algorithm>
#include <vector>

#include "dax.hpp"
#include "hugetlb_failure.hpp"
#include "migrate.hpp"
#include "page_lock.hpp"
#include "race_point.hpp"
#include "thp_split.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: every entry of the base page becomes a hwpoison entry. Requires: the page lock, a reference.
template <class P>
void unmap_failed(physical<P>& phys, frame<P>* page, failure_report<P>& report) {
    const pfn n = phys.number(page);
    std::uint64_t gone = 0;
    each_slot(phys, page, [&](space<P>& mm, const typename space<P>::place& at, std::uint64_t, const vma&) {
        const entry e = at.slot->read();
        if (!e.is_leaf() || e.number() != n || e.has(eb::special)) return;
        if (at.slot->take().has(eb::dirty)) page->set(pg::dirty);
        at.slot->set(entry::make(entry_kind::hwpoison, n));
        unmap_pte(page, page);
        ++gone;
        if (std::find(report.users.begin(), report.users.end(), &mm) == report.users.end()) report.users.push_back(&mm);
    });
    word64::full_fence();
    if (gone != 0) phys.drop(page, holder::entry, gone);
}

/// A page of a device: the file it belongs to keeps its entry, nobody keeps a mapping.
template <class P>
[[nodiscard]] failure_report<P> fail_device_page(physical<P>& phys, frame<P>* page) {
    const device_type type = page->device();
    if (type == device_type::private_memory || type == device_type::coherent || type == device_type::p2pdma)
        return {failure_fate::ignored, -err::enxio};
    frame<P>* head = phys.head(page);
    if (page->set(pg::hwpoison)) return {failure_fate::known, -err::ehwpoison};
    failure_report<P> report{failure_fate::contained, 0};
    report.data_lost = true;
    if (file* f = head->owner_kind() == owner::none_or_file ? head->template owner_as<file>() : nullptr) {
        std::lock_guard guard(f->lock);
        const std::uint64_t index = head->index + phys.index_in_folio(page);
        f->mappings.each_overlapping(index, 1, [&](vma& v) {
            auto& mm = *static_cast<space<P>*>(v.owner);
            const auto at = mm.tables.find(v.address_of(index), level::pte);
            const entry e = at.slot->read();
            if (e.is_leaf() && !e.has(eb::protnone) && phys.at(e.number())->zone() == zone_kind::device)
                report.users.push_back(&mm);
        });
        unmap_file_pages<P>(*f, index, 1, false);
    }
    report.holders = is_dax_busy(page) ? 1 : 0;
    if (report.holders != 0) report.fate = failure_fate::still_referenced;
    return report;
}

}  // namespace detail

/// Effects: as the fate says. Waits for nobody; a page that somebody pins is unmapped all the same, and quarantined
/// when the last holder lets go.
template <class P>
[[nodiscard]] failure_report<P> memory_failure(physical<P>& phys, pfn n) {
    frame<P>* page = phys.at(n);
    if (page->zone() == zone_kind::device && page->device() != device_type::none)
        return detail::fail_device_page(phys, page);
    phys.lru_drain_all();
    if (page->is(pg::hwpoison)) return {failure_fate::known, -err::ehwpoison};
    if (phys.hugetlb.withdraw(n)) return {failure_fate::unused, 0};
    if (phys.zone_of(n).take_off(n)) {
        page->set(pg::hwpoison);
        return {failure_fate::unused, 0};
    }
    P::races::at(race_point::head_resolved);
    if (!phys.try_get_met(page)) return {failure_fate::ignored, -err::ebusy};
    frame<P>* head = phys.head(page);  // stable while it is held: before, the page could change folios (DEF-14)
    phys.note(head, holder::temporary, 1);
    if (head->is(pg::hugetlb)) return fail_huge_page(phys, page);
    if (head->is(pg::table) || head->is(pg::reserved)) {
        phys.drop(head, holder::temporary);
        return {failure_fate::ignored, -err::ebusy};
    }
    if (head->is(pg::large) && try_lock_page(head)) {  // one page of it failed: the others go on by themselves
        const bool split = split_folio(phys, head, head) == 0;
        unlock_page(head);
        if (split && page != head) {
            const bool held = static_cast<bool>(physical<P>::ops::try_get(page));
            phys.drop(head, holder::temporary);
            if (!held || phys.head(page) != page) {  // it was not mapped any more: free now, or with a new user
                if (held) physical<P>::ops::put(page);
                return memory_failure(phys, n);
            }
            phys.note(page, holder::temporary, 1);
            head = page;
        }
    }
    if (page->set(pg::hwpoison) || head->is(pg::large) || !head->is(pg::lru)) {
        const bool whole = head->is(pg::large);  // a folio that is not split is quarantined as one, when it is freed
        if (whole) head->set(pg::hwpoison);
        phys.drop(head, holder::temporary);
        return {failure_fate::ignored, -err::ebusy};
    }
    failure_report<P> report;
    {
        const page_lock_guard lock(head);
        detail::unmap_failed(phys, head, report);
        P::races::at(race_point::unmapped);  // faults that find it in the cache meanwhile see that it has failed
        head->clear(pg::lru);
        file* f = head->is_anon() ? nullptr : head->template owner_as<file>();
        report.data_lost = head->is_anon() || head->is(pg::dirty);
        if (f) {
            std::lock_guard guard(f->lock);
            if (const auto it = f->cache.find(head->index); it != f->cache.end() && it->second.first == n)
                cache_remove_locked(phys, *f, it);
        }
    }
    report.holders = head->count.refs() - 1;  // ours
    report.fate = report.holders == 0 ? failure_fate::contained : failure_fate::still_referenced;
    phys.drop(head, holder::temporary);
    return report;
}

}  // namespace pinfold::mm
