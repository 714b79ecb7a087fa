// SPDX-License-Identifier: BSL-1.0
// UFFDIO_MOVE: anonymous pages change their place in one address space, without a copy. A page that is large, pinned or
// not exclusive stays: a device or another process would go on with it. Source: spec 07 §7.
#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>

#include "fault_anon.hpp"
#include "move_entries.hpp"
#include "page_lock.hpp"
#include "uffd_context.hpp"

namespace pinfold::mm {

namespace detail {

/// One page. Returns: 0, -EAGAIN: look again, or another negative errno.
template <class P>
[[nodiscard]] int move_one(space<P>& mm, vma& to_vma, vaddr to, vma& from_vma, vaddr from) {
    physical<P>& phys = mm.phys;
    const auto pmd = mm.tables.find(from, level::pmd).slot->read();
    if (pmd.is_leaf()) return -err::ebusy;
    const auto src = mm.tables.find(from, level::pte);
    if (!src.reached(level::pte)) return pmd.is_none() || !pmd.is_table() ? -err::enoent : -err::eagain;
    const auto dest = mm.tables.reach(to, level::pte);
    if (!dest.slot) return -err::enomem;
    if (!dest.reached(level::pte)) return -err::eexist;

    frame<P>* page = nullptr;
    {
        word_guard lock(src.lock());
        const entry e = src.slot->read();
        page = normal_page(phys, e);
        if (page) phys.hold(phys.head(page), holder::temporary);
    }
    if (!page) {  // nothing, the zero page, or what is not memory now
        const two_tables lock(src.lock(), dest.lock());
        if (!dest.slot->read().is_none()) return -err::eexist;
        const entry e = src.slot->read();
        if (e.is_none()) return -err::enoent;
        if (e.kind() == entry_kind::migration || normal_page(phys, e)) return -err::eagain;
        if (!e.is_leaf() || !phys.is_zero_page(phys.at(e.number()))) return -err::ebusy;
        (void)src.slot->take();
        dest.slot->set(entry::leaf(e.number(), base_bits(to_vma) | entry::bit(eb::special)));
        return 0;
    }
    frame<P>* head = phys.head(page);
    const auto is_shared = [&] {
        return head->is(pg::large) || !head->is_anon() || head->is_ksm() || (P::anon_exclusive && !page->is(pg::exclusive)) ||
               head->mapcount.load() != 1 || static_cast<bool>(physical<P>::ops::maybe_pinned(head));
    };
    int error = is_shared() ? -err::ebusy : try_lock_page(head) ? 0 : -err::eagain;
    if (error == 0) {
        const rmap_locks rmap(from_vma);
        anon_rmap& family = *to_vma.anon();
        {
            const two_tables lock(src.lock(), dest.lock());
            const entry e = src.slot->read();
            if (!dest.slot->read().is_none()) error = -err::eexist;
            else if (normal_page(phys, e) != page) error = -err::eagain;
            if (error == 0) {
                const entry saved = src.slot->take();  // cleared and flushed
                word64::full_fence();
                if (is_shared() || head->is(pg::swapcache)) {  // pinned in between
                    src.slot->set(saved);
                    error = -err::ebusy;
                } else {
                    head->index = to_vma.page_offset(to);
                    head->set_owner(&family, owner::anon);
                    entry moved = entry::leaf(saved.number(), base_bits(to_vma)).with(eb::dirty);
                    dest.slot->set(to_vma.has(vm::write) ? moved.with(eb::writable) : moved);
                }
            }
        }
        unlock_page(head);
    }
    phys.drop(head, holder::temporary);
    return error;
}

/// Returns: bytes, or why not even the first page could be moved.
template <class P>
[[nodiscard]] long move_range(space<P>& mm, uffd_context& context, vaddr to, vaddr from, std::uint64_t len) {
    if (((to | from | len) & ~page_mask) != 0 || len == 0 || to + len < to || from + len < from) return -err::einval;
    if (from + len > to && to + len > from) return -err::einval;
    const std::shared_lock lock(mm.mmap_lock);
    vma* src = mm.find(from);
    vma* dest = mm.find(to);
    if (!src || !dest || from + len > src->end || to + len > dest->end) return -err::enoent;
    if (!dest->watcher || dest->watcher.get() != &context) return -err::enoent;
    if (!src->is_anonymous() || !dest->is_anonymous() || src->has(vm::shared) || dest->has(vm::shared)) return -err::einval;
    if (((src->flags ^ dest->flags) & (vm::access | vm::locked)) != 0 || !src->has(vm::write)) return -err::einval;
    mm.anon_of(*dest);
    std::uint64_t done = 0;
    int error = 0;
    for (unsigned spins = 0; done < len;) {
        error = move_one(mm, *dest, to + done, *src, from + done);
        if (error == -err::eagain) {
            relax(spins);
            continue;
        }
        if (error != 0) break;
        done += page_size;
    }
    return done != 0 ? static_cast<long>(done) : error;
}

}  // namespace detail

}  // namespace pinfold::mm
