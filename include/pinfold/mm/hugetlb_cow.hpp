// SPDX-License-Identifier: BSL-1.0
// A write, or an unshare request, on a read-only huge page: reuse, copy, or, when the pool is empty, take the page away
// from everybody but the owner. References are not looked at: pool pages are scarce (NR-9). Source: spec 07 B10.
#pragma once

#include "fault_anon.hpp"
#include "hugetlb_zap.hpp"

namespace pinfold::mm {

/// Effects: `head`, fresh, belongs to the private hugetlb VMA v. Not mapped yet.
template <class P>
void make_huge_anon(space<P>& mm, vma& v, vaddr base, frame<P>* head) {
    head->index = v.page_offset(base);
    head->set_owner(&mm.anon_of(v), owner::anon);
    head->change(frame<P>::bit(pg::uptodate) | (P::anon_exclusive ? frame<P>::bit(pg::exclusive) : 0), 0);
}

/// Effects: copies the contents of one folio into a fresh one of the same order.
template <class P>
void copy_folio(physical<P>& phys, frame<P>* to, frame<P>* from) {
    for (std::uint64_t k = 0; k < from->pages(); ++k) {
        frame<P>* d = phys.nth(to, k);
        frame<P>* s = phys.nth(from, k);
        phys.data.copy(*d, phys.number(d), *s, phys.number(s));
    }
}

namespace detail {

[[nodiscard]] inline entry huge_made_writable(entry e) noexcept {
    return e.with(eb::writable).with(eb::dirty).with(eb::young);
}

/// Effects: every other private mapping of the file that shows `head` at this place and has no promise of its own
/// loses the entry, and every later fault there. Requires: the fault mutex of the place.
template <class P>
void steal_huge_page(physical<P>& phys, vma& thief, std::uint64_t offset, frame<P>* head) {
    file& f = *thief.source;
    std::lock_guard guard(f.lock);
    f.mappings.each_overlapping(offset, 1, [&](vma& v) {
        if (&v == &thief || v.has(vm::shared) || v.promised) return;
        auto& mm = *static_cast<space<P>*>(v.owner);
        const vaddr a = v.address_of(offset);
        const huge_place at = find_huge(mm, a, v.huge_order);
        if (!at.slot) return;
        frame<P>* lost = nullptr;
        {
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            if (!e.is_leaf() || e.number() != phys.number(head)) return;
            lost = clear_huge(phys, v, a, at);
            v.stolen_from.store(1);
        }
        word64::full_fence();
        if (lost) phys.drop(lost, holder::entry);
    });
}

}  // namespace detail

/// Requires: the fault mutex of the place; `e` was read there and is a leaf that is not writable.
template <class P>
[[nodiscard]] fault_result wp_huge_page(space<P>& mm, vma& v, vaddr base, unsigned flags, const huge_place& at, entry e) {
    physical<P>& phys = mm.phys;
    const bool unshare = (flags & ff::unshare) != 0;
    if (!unshare && !v.has(vm::write)) return fault_result::sigsegv;  // no forced writes
    const std::uint64_t index = huge_index(v, base);
    for (bool stolen = false;; stolen = true) {
        frame<P>* head = phys.head(phys.at(e.number()));
        {
            word_guard lock(at.lock());
            if (at.slot->read() != e) return fault_result::ok;  // the walk looks again
            if (v.has(vm::shared)) {
                if (!unshare) at.slot->set(detail::huge_made_writable(e));
                return fault_result::ok;
            }
            if (head->is_anon() && folio_mapcount(head) == 1) {
                if constexpr (P::anon_exclusive) head->set(pg::exclusive);
                if (!unshare) at.slot->set(detail::huge_made_writable(e));
                return fault_result::ok;
            }
            phys.hold(head, holder::temporary);
        }
        // The owner copies its own page without touching its promise: that one has been used for the page.
        const bool owners_copy = v.promised && head->is_anon();
        frame<P>* fresh = take_huge_page(phys, v, index, !owners_copy);
        if (!fresh) {
            phys.drop(head, holder::temporary);
            if (!owners_copy || stolen) return fault_result::sigbus;
            detail::steal_huge_page(phys, v, v.page_offset(base), head);
            continue;
        }
        copy_folio(phys, fresh, head);
        make_huge_anon(mm, v, base, fresh);
        bool mapped = false;
        {
            word_guard lock(at.lock());
            if (at.slot->read() == e) {
                (void)at.slot->take();  // cleared and flushed before the copy appears
                map_huge(fresh);
                phys.pass(fresh, holder::hand_out, holder::entry);
                const std::uint64_t watched = unshare ? e.raw & entry::bit(eb::uffd_wp) : 0;
                const entry plain = entry::leaf(phys.number(fresh), base_bits(v) | watched);
                at.slot->set(unshare ? plain : detail::huge_made_writable(plain));
                unmap_huge(head);
                mapped = true;
            }
        }
        if (mapped) phys.drop(head, holder::entry);
        else if (owners_copy) phys.drop(fresh, holder::hand_out);
        else return_huge_page(phys, v, index, fresh);
        phys.drop(head, holder::temporary);
        return fault_result::ok;
    }
}

}  // namespace pinfold::mm
