// SPDX-License-Identifier: BSL-1.0
// Pages of files: found, brought in, dropped. The cache holds one reference per sub-page; buffers of a written
// ext4 page hold one more. Source: spec 07 §4 §19, spec 10 §1 §4.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "file.hpp"
#include "physical.hpp"

namespace pinfold::mm {

inline constexpr std::uint64_t fault_around_pages = 16;

/// References the page cache holds of a folio. Source: spec 07 §1, note on hugetlb.
template <class P>
[[nodiscard]] std::uint64_t cache_units(const frame<P>* head) noexcept {
    return head->is(pg::hugetlb) && !P::hugetlb_cached_by_page ? 1 : head->pages();
}

/// Returns: the cached page at `index` with a reference for the caller (holder: temporary), or null.
template <class P>
[[nodiscard]] frame<P>* cache_get(physical<P>& phys, file& f, std::uint64_t index) {
    std::lock_guard guard(f.lock);
    const auto* c = f.find(index);
    if (!c) return nullptr;
    frame<P>* head = phys.at(c->second.first);
    phys.hold(head, holder::temporary);  // the cache's own reference, under its lock, is the evidence
    return phys.nth(head, index - c->first);
}

/// Effects: a fresh page of the file enters the cache. Requires: f.lock, nothing cached at `index`.
/// Returns: the page, its hand-out reference now the cache's; null when memory is out.
template <class P>
frame<P>* cache_add_locked(physical<P>& phys, file& f, std::uint64_t index, unsigned order = 0) {
    frame<P>* page = phys.alloc({.order = order, .node = f.node_of(index)});
    if (!page) return nullptr;
    if (order != 0) phys.hold(page, holder::page_cache, page->pages() - 1);
    phys.pass(page, holder::hand_out, holder::page_cache);
    page->index = index;
    page->set_owner(&f, owner::none_or_file);
    page->change(frame<P>::bit(pg::uptodate) | (f.is_shmem() ? frame<P>::bit(pg::swapbacked) : 0), 0);
    const auto block = f.blocks.find(index);
    if (block != f.blocks.end()) {
        phys.data.copy_in(*page, phys.number(page), block->second.data());
        if (f.is_shmem()) {  // back from swap: memory alone has it now
            f.blocks.erase(block);
            page->set(pg::dirty);
        }
    }
    f.cache.emplace(index, file::cached{phys.number(page), order});
    return page;
}

/// Effects: a written page of a filesystem gets its buffers, once. Requires: a reference.
template <class P>
void attach_buffers(physical<P>& phys, frame<P>* head) {
    if (!head->set(pg::buffers)) phys.hold(head, holder::buffers);
}

/// Effects: the folio leaves the cache: no owner, no buffers, not dirty, one reference per sub-page less.
/// Requires: f.lock. The pages it may free are freed here.
template <class P>
void cache_remove_locked(physical<P>& phys, file& f, std::map<std::uint64_t, file::cached>::iterator it) {
    frame<P>* head = phys.at(it->second.first);
    f.cache.erase(it);
    head->set_owner(nullptr, owner::none_or_file);
    const bool buffers = head->is(pg::buffers);
    head->change(0, frame<P>::bit(pg::dirty) | frame<P>::bit(pg::buffers));
    if (buffers) phys.drop(head, holder::buffers);
    phys.drop(head, holder::page_cache, cache_units(head));
}

/// Effects: everything leaves the cache. Requires: nothing maps the file.
template <class P>
void cache_drop_all(physical<P>& phys, file& f) {
    std::lock_guard guard(f.lock);
    while (!f.cache.empty()) cache_remove_locked(phys, f, f.cache.begin());
}

}  // namespace pinfold::mm
