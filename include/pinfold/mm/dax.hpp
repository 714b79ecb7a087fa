// SPDX-License-Identifier: BSL-1.0
// DAX pages and the index tree of their file: entries appear at faults and go at truncation; a page is busy while
// anybody but its baseline (and, counted like memory, its mappings) holds it. Source: spec 03 §5 §6 §8.
#pragma once

#include "dax_inode.hpp"
#include "file.hpp"
#include "physical.hpp"
#include "rmap.hpp"
#include "unmap_file.hpp"

namespace pinfold::mm {

/// Returns: whether somebody holds the DAX page for I/O. Requires for a stable answer: nothing maps it any more.
template <class P>
[[nodiscard]] bool is_dax_busy(const frame<P>* page) noexcept {
    const frame<P>* head = physical<P>::head(const_cast<frame<P>*>(page));
    if constexpr (P::devices::dax_is_mapped_counted) return head->count.refs() - folio_mapcount(head) != 0;
    else return head->count.refs() > P::devices::baseline(device_type::fsdax);
}
/// Returns: whether the device behind the file is there and stays.
template <class P>
[[nodiscard]] bool is_dax_alive(const physical<P>& phys, const dax_inode& node) noexcept {
    const dev_pagemap<P>* map = phys.pagemaps.find(node.any_frame());
    return map && !map->is_dying();
}

namespace detail {

/// A page of two or more files (reflink): no owner, and the number of files in `index`.
template <class P>
[[nodiscard]] bool is_dax_shared(const frame<P>* page) noexcept {
    return page->owner_kind() == owner::driver;
}

template <class P>
void dax_associate(physical<P>& phys, file& f, std::uint64_t index, const dax_entry& e) {
    if constexpr (P::devices::dax_is_mapped_counted)
        if (e.order != 0) lay_out_device_folio(phys, *pagemap_of(phys.at(e.first)), e.first, e.order);
    for (std::uint64_t k = 0; k < (std::uint64_t{1} << e.order); ++k) {
        frame<P>* page = phys.at(e.first + k);
        if (is_dax_shared(page)) {
            ++page->index;
        } else if (page->mapping.load() != 0) {
            page->set_owner(nullptr, owner::driver);
            page->index = 2;
        } else {
            page->index = index + k;
            page->set_owner(&f, owner::none_or_file);
        }
    }
}

/// Returns: whether nobody uses the page any more. At zero it is on its way to be dead, or to be used again.
template <class Count>
[[nodiscard]] bool is_at_rest(const Count& count) noexcept {
    for (unsigned spins = 0; !count.is_dead(); relax(spins))
        if (count.refs() != 0) return false;
    return true;
}

template <class P>
void dax_disassociate(physical<P>& phys, const dax_entry& e) {
    for (std::uint64_t k = 0; k < (std::uint64_t{1} << e.order); ++k) {
        frame<P>* page = phys.at(e.first + k);
        // Blocks are about to be freed under somebody's I/O: only a final release does that (NR-2).
        if (is_dax_busy(page)) phys.warn.emit(warn_id::dax_busy_entry, static_cast<std::int64_t>(e.first.n + k));
        if (is_dax_shared(page) && --page->index != 0) continue;
        page->mapping.store(0);
        page->index = 0;
    }
    if constexpr (P::devices::dax_is_mapped_counted)
        if (e.order != 0 && is_at_rest(phys.at(e.first)->count))
            for (std::uint64_t k = 0; k < (std::uint64_t{1} << e.order); ++k) {
                phys.at(e.first + k)->link.store(0);
                lay_out_device_folio(phys, *pagemap_of(phys.at(e.first + k)), e.first + k, 0);
            }
}

/// Effects: the entry is in the tree, its pages belong to the file; what was there before is gone, and a zero page
/// is gone from every address space first. Requires: f.lock.
template <class P>
void dax_insert_entry(physical<P>& phys, file& f, std::uint64_t index, const dax_entry& e) {
    dax_inode& node = *f.dax;
    for (auto it = node.find_entry(index); it != node.entries.end(); it = node.find_entry(index)) {
        if (it->second.zero == e.zero && it->second.order == e.order && it->second.first == e.first) return;
        unmap_file_pages<P>(f, it->first, std::uint64_t{1} << it->second.order, false);
        if (!it->second.zero) dax_disassociate(phys, it->second);
        node.entries.erase(it);
    }
    if (!e.zero) dax_associate(phys, f, index, e);
    node.entries.emplace(index, e);
}

}  // namespace detail

/// Effects: entries that cover any of [first, last) leave the tree; a page somebody holds is reported (WARN:DAX:busy-entry).
/// Requires: f.lock; nothing maps these pages, nor, of a huge entry, its others.
template <class P>
void dax_remove_entries(physical<P>& phys, file& f, std::uint64_t first, std::uint64_t last) {
    auto& entries = f.dax->entries;
    auto it = f.dax->find_entry(first);
    if (it == entries.end()) it = entries.lower_bound(first);
    while (it != entries.end() && it->first < last) {
        if (!it->second.zero) detail::dax_disassociate(phys, it->second);
        it = entries.erase(it);
    }
}

/// Returns: whether waiting for the busy page is over. Counted like memory, its last release is noticed at 0 only: a
/// page that was mapped again meanwhile must be unmapped again first, so that the release gets there.
template <class P>
[[nodiscard]] bool is_dax_wait_over(const frame<P>* page) noexcept {
    if constexpr (P::devices::dax_is_mapped_counted) {
        const frame<P>* head = physical<P>::head(const_cast<frame<P>*>(page));
        return head->count.refs() == 0 || folio_mapcount(head) != 0;
    } else {
        return !is_dax_busy(page);
    }
}

/// dax_layout_busy_page. Effects: the whole file is unmapped, if anything maps it. Returns: a page of the file that
/// somebody holds, or null. Requires: the invalidate lock, exclusively: no fault brings a page back meanwhile.
/// Synchronises: unmap, full fence, look: the other side raises the count, then looks at the entry (spec 01 §3).
template <class P>
[[nodiscard]] frame<P>* dax_busy_page(physical<P>& phys, file& f) {
    std::lock_guard guard(f.lock);
    if (f.mappings.empty()) return nullptr;
    unmap_file_pages<P>(f, 0, ~std::uint64_t{0}, false);
    word64::full_fence();
    for (const auto& [index, e] : f.dax->entries)
        for (std::uint64_t k = 0; !e.zero && k < (std::uint64_t{1} << e.order); ++k)
            if (frame<P>* page = phys.at(e.first + k); is_dax_busy(page)) return page;
    return nullptr;
}

/// Effects: returns when nobody holds a page of the file. Waits, the invalidate lock dropped meanwhile.
/// Returns: 0 or -EINTR. Requires: `invalidate` is locked exclusively.
template <class P>
[[nodiscard]] int dax_break_layouts(physical<P>& phys, file& f, shared_mutex& invalidate) {
    while (frame<P>* page = dax_busy_page(phys, f))
        if (!phys.page_idle.wait_interruptible(invalidate, [page] { return is_dax_wait_over(page); })) return -err::eintr;
    return 0;
}

}  // namespace pinfold::mm
