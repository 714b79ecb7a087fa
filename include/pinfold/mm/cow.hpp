// SPDX-License-Identifier: BSL-1.0
// A write, or an unshare request, on a present read-only entry: reuse the page or copy it. The decision is the
// profile's: exclusive mark and count (linux_6_12) or mapcount (foll_pin_2019). Source: spec 07 §5 B2, spec 10 §8.
#pragma once

#include <algorithm>

#include "fault_anon.hpp"
#include "mkwrite.hpp"
#include "swap_cache.hpp"

namespace pinfold::mm {

namespace detail {

/// linux_6_12: the only reference is the mapping, batches and a droppable swap cache aside.
template <class P>
[[nodiscard]] bool is_sole_reference(physical<P>& phys, frame<P>* head) {
    if (head->is_ksm() || head->count.refs() > 3) return false;
    if (!head->is(pg::lru)) phys.lru_drain();
    if (head->count.refs() > (head->is(pg::swapcache) ? 2 : 1) || !try_lock_page(head)) return false;
    free_swap(phys, head);
    const bool sole = !head->is_ksm() && head->count.refs() == 1;
    unlock_page(head);
    return sole;
}
/// foll_pin_2019: mapped exactly once in total; references and pins are not looked at (HAZ-COW).
template <class P>
[[nodiscard]] bool is_sole_mapping(physical<P>& phys, frame<P>* head) {
    if (head->is_ksm()) return false;
    if (!head->is(pg::large)) {
        if (!head->is(pg::swapcache)) return head->mapcount.load() == 1;
        if (!try_lock_page(head)) return false;  // somebody is at work on it: a copy is never wrong
        const std::uint32_t swapped = head->is(pg::swapcache) ? phys.swap.users(head->private_) : 0;
        const bool sole = static_cast<std::uint32_t>(head->mapcount.load()) + swapped == 1;
        if (sole) free_swap(phys, head);
        unlock_page(head);
        return sole;
    }
    std::int32_t most = 0;
    for (std::uint64_t k = 0; k < head->pages(); ++k) most = std::max(most, phys.nth(head, k)->mapcount.load());
    return most + head->entire.load() == 1;
}
/// Whether the anonymous page may stay where it is. Source: spec 07 §5.
template <class P>
[[nodiscard]] bool may_reuse(physical<P>& phys, frame<P>* page, frame<P>* head, bool huge) {
    if constexpr (P::anon_exclusive) {
        if (page->is(pg::exclusive)) return true;
        if (head->is(pg::large) && !huge) return false;  // a pte of a large folio: never taken over
        if (!is_sole_reference(phys, head)) return false;
        page->set(pg::exclusive);
        return true;
    } else {
        (void)page, (void)huge;
        return is_sole_mapping(phys, head);
    }
}

}  // namespace detail

/// Effects: a private copy of what `e` shows is mapped at `a`, writable or, for unshare, read-only.
/// Requires: the pte lock, held by `lock`; it is dropped on the way. `page` null: the zero page, or raw memory of a
/// driver. Nobody gives zeros a new meaning by writing to the zero page (NR-11): a copy of it is made of zeros.
template <class P>
[[nodiscard]] fault_result copy_page(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                     const typename space<P>::place& at, entry e, frame<P>* page, word_guard& lock) {
    physical<P>& phys = mm.phys;
    frame<P>* head = page ? phys.head(page) : nullptr;
    if (head) phys.hold(head, holder::temporary);
    lock.release();
    frame<P>* fresh = phys.alloc({.node = v.node});
    if (!fresh) {
        if (head) phys.drop(head, holder::temporary);
        return fault_result::oom;
    }
    const frame<P>* source = page ? page : phys.at(e.number());
    if (!phys.is_zero_page(source)) phys.data.copy(*fresh, phys.number(fresh), *source, e.number());
    make_anon(mm, v, a, fresh);
    {
        word_guard again(at.lock());
        if (at.slot->read() == e) {
            (void)at.slot->take();  // cleared and flushed before the copy appears
            map_pte(fresh, fresh);
            phys.pass(fresh, holder::hand_out, holder::entry);
            phys.lru_add(fresh);
            const std::uint64_t watched = (flags & ff::unshare) != 0 ? e.raw & entry::bit(eb::uffd_wp) : 0;  // no write yet
            const entry plain = entry::leaf(phys.number(fresh), base_bits(v) | watched);
            at.slot->set((flags & ff::unshare) != 0 ? plain : detail::made_writable(plain, v));
            if (page) unmap_pte(page, head);
            if (page) munlock_unmapped(v, head);
            fresh = nullptr;
        }
    }
    if (fresh) {
        phys.drop(fresh, holder::hand_out);
    } else if (head) {
        phys.drop(head, holder::entry);
        free_swap_if_unmapped(phys, head);
        if (is_partly_mapped(head)) phys.partly_mapped.add(head);
    }
    if (head) phys.drop(head, holder::temporary);
    return fault_result::ok;
}

/// B2 for one pte. Requires: e is a leaf that is not writable, read before the lock was taken.
template <class P>
[[nodiscard]] fault_result wp_fault(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                    const typename space<P>::place& at, entry e) {
    physical<P>& phys = mm.phys;
    word_guard lock(at.lock());
    if (at.slot->read() != e) return fault_result::ok;  // the walk looks again
    frame<P>* page = normal_page(phys, e);
    const bool unshare = (flags & ff::unshare) != 0;

    if (v.has(vm::shared)) {
        if (unshare) return fault_result::ok;
        return write_shared(mm, v, at, e, page, lock);
    }
    if (page && phys.is_anonymous(page) && detail::may_reuse(phys, page, phys.head(page), false)) {
        if (!unshare) at.slot->set(detail::made_writable(e, v));
        return fault_result::ok;
    }
    return copy_page(mm, v, a, flags, at, e, page, lock);
}

/// B2 for an anonymous huge pmd: reuse whole, or split the entry and let the pte decide. Source: spec 07 §5.
template <class P>
[[nodiscard]] fault_result wp_huge_fault(space<P>& mm, vma& v, unsigned flags,
                                         const typename space<P>::place& at, entry e) {
    physical<P>& phys = mm.phys;
    word_guard lock(at.lock());
    if (at.slot->read() != e) return fault_result::ok;
    frame<P>* head = phys.head(phys.at(e.number()));
    if (phys.is_huge_zero(head) || !head->is_anon() || !detail::may_reuse(phys, head, head, true)) {
        if (splits_to_ptes(mm, e)) split_pmd_locked(mm, at, &v);
        else if (head->zone() == zone_kind::device) return fault_result::sigbus;
        else drop_file_pmd(mm, at, lock);  // ptes find their pages by themselves
        return fault_result::ok;
    }
    if ((flags & ff::unshare) == 0) at.slot->set(detail::made_writable(e, v));
    return fault_result::ok;
}

}  // namespace pinfold::mm
