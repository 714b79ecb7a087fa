// SPDX-License-Identifier: BSL-1.0
// Anonymous folios between a page and a pmd (64 KiB and the like): one write fault maps all their ptes.
// Source: spec 10 §1 §12.
#pragma once

#include "fault_anon.hpp"

namespace pinfold::mm {

namespace detail {

template <class P>
[[nodiscard]] bool wants_small_thp(const space<P>& mm, const vma& v, unsigned order) noexcept {
    const thp_mode mode = mm.phys.small_thp[order];
    if (mode == thp_mode::never || v.has(vm::nohugepage)) return false;
    if (mode == thp_mode::inherit) return wants_huge(mm, v);
    return mode == thp_mode::always || v.has(vm::hugepage);
}

/// Returns: whether the n entries from `slot` are none.
[[nodiscard]] inline bool all_none(const entry_slot* slot, std::uint64_t n) noexcept {
    for (std::uint64_t k = 0; k < n; ++k)
        if (!slot[k].read().is_none()) return false;
    return true;
}

}  // namespace detail

/// A write fault on anonymous memory nobody has touched. Returns: retry where no folio of more than a page fits, is
/// wanted or is to be had: use a base page.
template <class P>
[[nodiscard]] fault_result small_thp_fault(space<P>& mm, vma& v, vaddr a, const typename space<P>::place& at) {
    if (!P::has_small_thp || v.has(vm::uffd_missing | vm::uffd_wp)) return fault_result::retry;
    physical<P>& phys = mm.phys;
    for (unsigned order = pmd_order - 1; order >= 2; --order) {
        const std::uint64_t n = std::uint64_t{1} << order;
        const vaddr first = align_down(a, n << page_shift);
        if (!detail::wants_small_thp(mm, v, order) || first < v.start || first + (n << page_shift) > v.end) continue;
        entry_slot* const slot = at.slot - ((a - first) >> page_shift);
        if (!detail::all_none(slot, n)) continue;
        frame<P>* const head = phys.alloc({.order = order, .node = v.node});
        if (!head) continue;
        make_anon(mm, v, first, head);
        word_guard lock(at.lock());
        if (!detail::all_none(slot, n)) {  // somebody was faster: look again
            lock.release();
            phys.drop(head, holder::hand_out);
            return fault_result::ok;
        }
        phys.pass(head, holder::hand_out, holder::entry);
        phys.hold(head, holder::entry, n - 1);
        for (std::uint64_t k = 0; k < n; ++k) {
            frame<P>* const page = phys.nth(head, k);
            if constexpr (P::anon_exclusive) page->set(pg::exclusive);
            map_pte(page, head);
            slot[k].set(entry::leaf(phys.number(page), base_bits(v) | written_bits(v)));
        }
        phys.lru_add(head);
        return fault_result::ok;
    }
    return fault_result::retry;
}

}  // namespace pinfold::mm
