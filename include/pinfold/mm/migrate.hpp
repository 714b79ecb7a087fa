// SPDX-License-Identifier: BSL-1.0
// Moving a folio to another place: isolate, replace its entries by migration entries, check that nobody else holds
// it, copy, point the entries to the new place. Source: spec 07 §11 B6.
#pragma once

#include <cstdint>
#include <mutex>

#include "error.hpp"
#include "page_lock.hpp"
#include "pagecache.hpp"
#include "rmap_walk.hpp"
#include "space.hpp"

namespace pinfold::mm {

/// Effects: the folio leaves the LRU and the caller has one reference of it (holder: isolation).
/// Returns: false when it is not on the LRU. Requires: a reference.
template <class P>
[[nodiscard]] bool isolate(physical<P>& phys, frame<P>* head) {
    phys.hold(head, holder::isolation);
    if (head->clear(pg::lru)) return true;
    phys.drop(head, holder::isolation);
    return false;
}
template <class P>
void put_back(physical<P>& phys, frame<P>* head) {
    head->set(pg::lru);
    phys.drop(head, holder::isolation);
}

namespace detail {

/// What the counts must be if nobody but the mappings, the cache and the isolator holds the folio (spec 02 §6).
template <class P>
[[nodiscard]] std::int64_t expected_count(const frame<P>* head) noexcept {
    std::int64_t n = 0;
    if (!head->is_anon() && head->mapping.load() != 0) n += static_cast<std::int64_t>(head->pages());
    if (head->is(pg::swapcache)) n += static_cast<std::int64_t>(head->pages());
    if (head->is(pg::buffers)) ++n;
    return n + folio_mapcount(head);
}

/// Step 4: entries become migration entries. Returns: false when a pinned exclusive page put one back.
template <class P>
[[nodiscard]] bool unmap_for_migration(physical<P>& phys, frame<P>* head) {
    const pfn first = phys.number(head);
    std::uint64_t gone = 0;
    bool refused = false;
    each_slot(phys, head, [&](space<P>&, const typename space<P>::place& at, std::uint64_t k) {
        if (refused) return;
        const entry e = at.slot->read();
        const bool mapped = e.is_leaf() ? !e.has(eb::special) : e.kind() == entry_kind::device_private;
        if (!mapped || e.number() != first + k) return;
        frame<P>* page = phys.nth(head, k);
        entry saved = at.slot->take();
        bool exclusive = false;
        if constexpr (P::anon_exclusive) {
            exclusive = page->is(pg::exclusive);
            if (exclusive) {
                word64::full_fence();
                if (e.is_leaf() && physical<P>::ops::maybe_pinned(head)) {
                    at.slot->set(saved);
                    refused = true;
                    return;
                }
                page->clear(pg::exclusive);
                word64::full_fence();
            }
        }
        if (saved.has(eb::dirty)) head->set(pg::dirty);
        std::uint64_t bits = saved.raw & ~entry{}.with(eb::user).raw & 0xfff0;
        if (exclusive) bits |= entry::bit(eb::exclusive);
        at.slot->set(entry::make(entry_kind::migration, e.number(), bits));
        if (at.at == level::pmd) unmap_huge(head);
        else unmap_pte(page, head);
        ++gone;
    });
    if (gone != 0) phys.drop(head, holder::entry, gone);
    return !refused;
}

/// Step 9: migration entries of `old` point to `to`.
template <class P>
void restore_entries(physical<P>& phys, frame<P>* walk, frame<P>* old, frame<P>* to) {
    const pfn first = phys.number(old);
    each_slot(phys, walk, [&](space<P>&, const typename space<P>::place& at, std::uint64_t k) {
        const entry e = at.slot->read();
        if (e.kind() != entry_kind::migration || e.number() != first + k) return;
        frame<P>* page = phys.nth(to, k);
        phys.hold(to, holder::entry);
        if (at.at == level::pmd) map_huge(to);
        else map_pte(page, to);
        if (e.has(eb::exclusive)) page->set(pg::exclusive);
        if (is_device(to, device_type::private_memory)) {
            at.slot->set(entry::make(entry_kind::device_private, phys.number(page), e.raw & entry::bit(eb::writable)));
            return;
        }
        const std::uint64_t bits = (e.raw & 0xfff0 & ~entry::bit(eb::exclusive)) | entry::bit(eb::user);
        at.slot->set(entry::make(entry_kind::leaf, phys.number(page), bits));
    });
}

/// Effects: the slots of `from` are cached in `to` from now on. Requires: the page lock of `from`.
template <class P>
void move_swap_cache(physical<P>& phys, frame<P>* from, frame<P>* to) {
    const std::uint64_t n = from->pages();
    to->private_ = from->private_;
    to->set(pg::swapcache);
    phys.hold(to, holder::swap_cache, n);
    phys.swap.move_cached(to->private_, n, phys.number(to));
    from->private_ = 0;
    from->clear(pg::swapcache);
    phys.drop(from, holder::swap_cache, n);  // the isolation keeps it
}

}  // namespace detail

/// Effects: moves an isolated folio to a fresh place; its isolation ends either way.
/// Returns: 0 or -EAGAIN (somebody else holds it, or it is pinned) or -ENOMEM; the folio then stays as it was.
template <class P>
[[nodiscard]] int migrate_folio(physical<P>& phys, frame<P>* head, request where) {
    frame<P>* fresh = phys.alloc(where);
    if (!fresh) {
        put_back(phys, head);
        return -err::enomem;
    }
    lock_page(head);
    bool moved = false;
    file* f = head->is_anon() ? nullptr : head->template owner_as<file>();
    if (detail::unmap_for_migration(phys, head) && folio_mapcount(head) == 0) {
        const std::int64_t expected = detail::expected_count(head) + 1;  // + the isolation
        std::unique_lock<std::mutex> cache;
        if (f) cache = std::unique_lock(f->lock);
        moved = head->count.raw() == expected;
        if (moved && f) moved = head->count.freeze(static_cast<std::int32_t>(expected));
        if (moved) {
            for (std::uint64_t k = 0; k < head->pages(); ++k) {
                frame<P>* from = phys.nth(head, k);
                frame<P>* to = phys.nth(fresh, k);
                phys.data.copy(*to, phys.number(to), *from, phys.number(from));
            }
            fresh->index = head->index;
            fresh->mapping.publish(head->mapping.load());
            const std::int64_t kept = frame<P>::bit(pg::dirty) | frame<P>::bit(pg::uptodate) |
                                      frame<P>::bit(pg::swapbacked) | frame<P>::bit(pg::mlocked) |
                                      frame<P>::bit(pg::referenced) | frame<P>::bit(pg::buffers);
            fresh->change(head->flags.load() & kept, 0);
            if (head->is(pg::swapcache)) detail::move_swap_cache(phys, head, fresh);
            if (head->is_ksm())
                if (auto* node = head->template owner_as<ksm_node>())
                    node->where.store(static_cast<std::int64_t>(phys.number(fresh).n));
            if (f) {  // the new page takes over the cache's units and the buffers
                const std::uint64_t cached = head->pages() + (head->is(pg::buffers) ? 1U : 0U);
                phys.hold(fresh, holder::page_cache, head->pages());
                if (head->is(pg::buffers)) phys.hold(fresh, holder::buffers);
                phys.note(head, holder::page_cache, -static_cast<std::int64_t>(head->pages()));
                if (head->is(pg::buffers)) phys.note(head, holder::buffers, -1);
                f->cache[head->index].first = phys.number(fresh);
                head->count.unfreeze(static_cast<std::int32_t>(expected - static_cast<std::int64_t>(cached)));
                head->change(0, frame<P>::bit(pg::buffers) | frame<P>::bit(pg::dirty));
            }
        }
    }
    detail::restore_entries(phys, head, head, moved ? fresh : head);
    unlock_page(head);
    if (!moved) {
        phys.drop(fresh, holder::hand_out);
        put_back(phys, head);
        return -err::eagain;
    }
    if (f) head->set_owner(nullptr, owner::none_or_file);
    fresh->set(pg::lru);
    phys.drop(fresh, holder::hand_out);
    phys.drop(head, holder::isolation);
    return 0;
}

}  // namespace pinfold::mm
