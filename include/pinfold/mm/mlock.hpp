// SPDX-License-Identifier: BSL-1.0
// mlock and munlock. Source: spec 06 §7, spec 10 §3 §9.
#pragma once

#include <algorithm>
#include <shared_mutex>

#include "each_leaf.hpp"
#include "populate.hpp"
#include "unmap.hpp"

namespace pinfold::mm {

namespace detail {

/// Whether mlock changes anything in v: what is never swapped anyhow is populated, not locked.
[[nodiscard]] inline bool is_lockable(const vma& v) noexcept {
    return !v.has(vm::hugetlb | vm::pfnmap | vm::io | vm::mixedmap) && !v.is_dax() && v.kind != vma_kind::driver &&
           v.kind != vma_kind::secretmem;
}

/// Returns: whether the entries from `slot` on, which is at `a` and in one table, map all of a folio below `to`.
template <class P>
[[nodiscard]] bool maps_whole_folio(const frame<P>* head, pfn first, const entry_slot* slot, vaddr a, vaddr to) noexcept {
    const std::uint64_t n = head->pages(), size = n << page_shift;
    if (slot->read().number() != first || to - a < size || (a & (pmd_size - 1)) + size > pmd_size) return false;
    for (std::uint64_t k = 0; k < n; ++k)
        if (const entry e = slot[k].read(); !e.is_leaf() || e.number() != first + k) return false;
    return true;
}

/// Effects: what is mapped in [from, to) is marked as locked, or not any more; a large folio is marked only where the
/// range has all of it. Requires: the mmap lock for writing.
template <class P>
void mark_mlocked(space<P>& mm, vaddr from, vaddr to, bool on) {
    each_leaf(mm, from, to, [&](const auto& at, vaddr a, std::uint64_t span) {
        frame<P>* const page = normal_page(mm.phys, at.slot->read());
        frame<P>* const head = page ? mm.phys.head(page) : nullptr;
        if (!head || mm.phys.is_huge_zero(head)) return;
        if (on && head->is(pg::large) && span == page_size && !maps_whole_folio(head, mm.phys.number(head), at.slot, a, to)) return;
        head->change(on ? frame<P>::bit(pg::mlocked) : 0, on ? 0 : frame<P>::bit(pg::mlocked));
    });
}

}  // namespace detail

/// Effects: mlock, munlock: the VMAs and what they map are marked, and mlock faults the rest in; mlock2 with on_fault
/// leaves that to whoever touches it.
/// Returns: 0 or a negative errno; what could not be faulted in is -ENOMEM, and the range stays locked.
template <class P>
int lock_range(space<P>& mm, vaddr a, std::uint64_t len, bool on, bool on_fault = false) {
    {
        std::unique_lock lock(mm.mmap_lock);
        if (!is_covered(mm, a, a + len)) return -err::enomem;
        mm.update(a, a + len, [on, on_fault](vma& v) {
            if (!detail::is_lockable(v)) return;
            const std::uint64_t now = !on ? 0 : on_fault ? vm::locked | vm::lockonfault : vm::locked;
            v.flags = (v.flags & ~(vm::locked | vm::lockonfault)) | now;  // once: reclaim may look meanwhile
        });
        const bool by_lookup = on && P::lookup_flags_2019;  // each page is marked where prefault finds it
        for (vaddr from = a; !by_lookup && from < a + len;) {
            const vma& v = *mm.find(from);
            const vaddr to = std::min(v.end, a + len);
            if (detail::is_lockable(v)) detail::mark_mlocked(mm, from, to, on);
            from = to;
        }
    }
    if (!on) return 0;
    const int error = prefault(mm, a, a + len);
    return error == -err::efault ? -err::enomem : error;
}

}  // namespace pinfold::mm
