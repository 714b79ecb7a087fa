// SPDX-License-Identifier: BSL-1.0
// Anonymous pages with a place in swap: in and out of the swap cache, which holds one reference per sub-page.
// frame::private_ of such a folio is the slot of its first page. Source: spec 07 §8 §19, spec 10 §1 §11.
#pragma once

#include "entry.hpp"
#include "page_lock.hpp"
#include "physical.hpp"

namespace pinfold::mm {

[[nodiscard]] inline swap_slot slot_of(entry e) noexcept { return e.number().n; }
[[nodiscard]] constexpr entry swap_entry(swap_slot s, std::uint64_t bits) noexcept {
    return entry::make(entry_kind::swap, pfn{s}, bits);
}

/// Returns: the page cached for the slot, with a reference for the caller (holder: temporary), or null.
template <class P>
[[nodiscard]] frame<P>* swap_cache_get(physical<P>& phys, swap_slot s) {
    frame<P>* page = nullptr;
    phys.swap.with_cached(s, [&](pfn n) {
        page = phys.at(n);
        phys.hold(phys.head(page), holder::temporary);  // the cache's own reference, under its lock, is the evidence
    });
    return page;
}

/// Effects: the folio gets slots and is cached for them; dirty, for nothing is written there yet.
/// Returns: false when swap is full. Requires: the page lock, a reference; anonymous, not cached.
template <class P>
[[nodiscard]] bool add_to_swap(physical<P>& phys, frame<P>* head) {
    const std::uint64_t n = head->pages();
    const auto first = phys.swap.take(n, phys.number(head));
    if (!first) return false;
    head->private_ = *first;
    phys.hold(head, holder::swap_cache, n);
    head->change(frame<P>::bit(pg::swapcache) | frame<P>::bit(pg::dirty), 0);
    return true;
}

/// Effects: `page` has what was written to the slot.
template <class P>
void read_slot(physical<P>& phys, swap_slot s, frame<P>* page) {
    page->set(pg::written);
    phys.swap.read(s, phys.data.bytes(phys.number(page)));
}

/// Effects: `fresh` is cached for the slot, locked for whoever finds it until it has been read; the caller's reference
/// (holder: hand-out) becomes a temporary one. Returns: false, nothing done: a page is cached already, or no entry uses
/// the slot.
template <class P>
[[nodiscard]] bool enter_swap_cache(physical<P>& phys, swap_slot s, frame<P>* fresh) {
    lock_page(fresh);
    const bool entered = phys.swap.add_cached(s, phys.number(fresh), [&] {
        fresh->private_ = s;
        fresh->change(frame<P>::bit(pg::swapcache) | frame<P>::bit(pg::swapbacked), 0);
        phys.pass(fresh, holder::hand_out, holder::swap_cache);
        phys.hold(fresh, holder::temporary);
    });
    if (entered) {
        read_slot(phys, s, fresh);
        fresh->set(pg::uptodate);
        phys.lru_add(fresh);
    }
    unlock_page(fresh);
    return entered;
}

/// Effects: the folio leaves the swap cache if no entry uses its slots any more; memory alone has its contents then,
/// so it is dirty. Returns: whether it did. Requires: the page lock and a reference.
template <class P>
bool free_swap(physical<P>& phys, frame<P>* head) {
    if (!head->is(pg::swapcache)) return false;
    const std::uint64_t n = head->pages();
    if (!phys.swap.remove_cached(head->private_, n, true, [] { return true; })) return false;
    head->private_ = 0;
    head->change(frame<P>::bit(pg::dirty), frame<P>::bit(pg::swapcache));
    phys.drop(head, holder::swap_cache, n);
    return true;
}

/// Effects: free_swap for a folio nothing maps any more; if somebody is at work on it, when that ends.
/// Requires: a reference.
template <class P>
void free_swap_if_unmapped(physical<P>& phys, frame<P>* head) {
    if (!head->is(pg::swapcache)) return;
    word64::full_fence();  // with the one in unlock_cached_for_swap: we find it unlocked, or they what we took away
    if (folio_mapcount(head) != 0 || !try_lock_page(head)) return;
    if (folio_mapcount(head) == 0) free_swap(phys, head);
    unlock_page(head);
}

/// unlock_page of a folio in the swap cache. The slots are remembered: once the lock is free, private_ is somebody else's.
template <class P>
void unlock_cached_for_swap(frame<P>* head) noexcept {
    physical<P>& phys = physical<P>::of(*head);
    const swap_slot first = head->private_;
    const std::uint64_t n = head->pages();
    for (;;) {
        head->clear(pg::locked);
        word64::full_fence();
        if (folio_mapcount(head) != 0 || !phys.swap.is_only_cached(first, n, phys.number(head)) || !try_lock_page(head)) return;
        if (folio_mapcount(head) == 0) free_swap(phys, head);
    }
}

/// Effects: a swap entry is gone. With the last one the slot is free, and a page that was only cached for it goes.
template <class P>
void free_swap_entry(physical<P>& phys, swap_slot s) {
    if (phys.swap.drop(s) != 0) return;
    frame<P>* page = swap_cache_get(phys, s);
    if (!page) return;
    frame<P>* head = phys.head(page);
    free_swap_if_unmapped(phys, head);
    phys.drop(head, holder::temporary);
}

}  // namespace pinfold::mm
