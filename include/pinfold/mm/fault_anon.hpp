// SPDX-License-Identifier: BSL-1.0
// Faults on anonymous memory nobody has touched: the zero page, the huge zero page, a new page, a new huge page.
// Source: spec 07 §4 B1, spec 10 §2 §4.
#pragma once

#include "fault_types.hpp"
#include "space.hpp"
#include "thp.hpp"

namespace pinfold::mm {

/// Bits every entry of v has when it is installed, beside young: what its VMA says of access.
[[nodiscard]] inline std::uint64_t base_bits(const vma& v) noexcept { return entry{}.as_said_by(v).raw; }
[[nodiscard]] inline std::uint64_t written_bits(const vma& v) noexcept {
    return v.has(vm::write) ? entry::bit(eb::writable) | entry::bit(eb::dirty) | entry::bit(eb::soft_dirty) : 0;
}

/// Effects: `page`, fresh, belongs to v at `a`: owner, offset, exclusive mark, mlock. Not mapped yet.
template <class P>
void make_anon(space<P>& mm, vma& v, vaddr a, frame<P>* page) {
    page->index = v.page_offset(a);
    page->set_owner(&mm.anon_of(v), owner::anon);
    std::int64_t bits = frame<P>::bit(pg::swapbacked) | frame<P>::bit(pg::uptodate);
    if constexpr (P::anon_exclusive) bits |= frame<P>::bit(pg::exclusive);
    if (v.has(vm::locked)) bits |= frame<P>::bit(pg::mlocked);
    page->change(bits, 0);
}

/// Effects: this mm has its one reference of the huge zero folio. Requires: a pmd lock of mm.
template <class P>
void hold_huge_zero(space<P>& mm, frame<P>* zero) {
    std::lock_guard guard(mm.huge_zero_lock);
    if (mm.huge_zero) return;
    mm.phys.hold(zero, holder::hand_out);
    mm.huge_zero = zero;
}

/// A huge pmd of zeros or of fresh memory. Returns: retry when there is no huge page to be had: use base pages.
template <class P>
[[nodiscard]] fault_result anon_huge_fault(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                           const typename space<P>::place& at) {
    physical<P>& phys = mm.phys;
    const vaddr begin = align_down(a, pmd_size);
    const bool zero = (flags & ff::write) == 0 && phys.use_huge_zero;
    frame<P>* spare = mm.tables.new_table();
    if (!spare) return fault_result::oom;
    mm.anon_of(v);
    frame<P>* head = zero ? phys.huge_zero_page() : phys.alloc({.order = pmd_order, .node = v.node});
    if (!head) {
        mm.tables.free_now(spare);
        return fault_result::retry;
    }
    if (!zero) make_anon(mm, v, begin, head);
    {
        word_guard lock(at.lock());
        if (at.slot->read().is_none()) {
            mm.tables.deposit(at.table, spare);
            spare = nullptr;
            if (zero) {
                hold_huge_zero(mm, head);
            } else {
                map_huge(head);
                phys.pass(head, holder::hand_out, holder::entry);
            }
            at.slot->set(entry::leaf(phys.number(head), base_bits(v) | (zero ? 0 : written_bits(v))));
        }
    }
    if (spare) {  // somebody was faster
        mm.tables.free_now(spare);
        if (!zero) phys.drop(head, holder::hand_out);
    } else if (!zero) {
        phys.lru_add(head);
    }
    return fault_result::ok;
}

/// One base page: the zero page for a read, a fresh page for a write. Source: spec 07 B1.
template <class P>
[[nodiscard]] fault_result anon_fault(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                      const typename space<P>::place& at) {
    physical<P>& phys = mm.phys;
    if ((flags & ff::write) == 0) {
        word_guard lock(at.lock());
        if (at.slot->read().is_none())
            at.slot->set(entry::leaf(phys.number(phys.zero_page()), base_bits(v) | entry::bit(eb::special)));
        return fault_result::ok;
    }
    frame<P>* page = phys.alloc({.node = v.node});
    if (!page) return fault_result::oom;
    make_anon(mm, v, a, page);
    {
        word_guard lock(at.lock());
        if (!at.slot->read().is_none()) {
            lock.release();
            phys.drop(page, holder::hand_out);
            return fault_result::ok;
        }
        map_pte(page, page);
        phys.pass(page, holder::hand_out, holder::entry);
        phys.lru_add(page);
        at.slot->set(entry::leaf(phys.number(page), base_bits(v) | written_bits(v)));
    }
    return fault_result::ok;
}

}  // namespace pinfold::mm
