// SPDX-License-Identifier: BSL-1.0
// Making huge pages of small ones afterwards: MADV_COLLAPSE, and khugepaged, which does it for whole spaces.
// Source: spec 07 B8, spec 10 §10 §12.
#pragma once

#include <mutex>

#include "collapse_anon.hpp"
#include "collapse_shmem.hpp"

namespace pinfold::mm {

namespace detail {

/// Whether the nature of v allows huge pages at all, and it has room for one.
[[nodiscard]] inline bool may_collapse(const vma& v) noexcept {
    if (v.has(vm::nohugepage | vm::io | vm::pfnmap | vm::mixedmap | vm::hugetlb)) return false;
    const bool fits = align_up(v.start, pmd_size) + pmd_size <= v.end;
    if (v.is_anonymous()) return fits && v.anon();
    return v.kind == vma_kind::shmem && fits && fits_huge_folio(v, align_up(v.start, pmd_size));
}

template <class P>
[[nodiscard]] collapse_outcome collapse_block(space<P>& mm, vma& v, vaddr begin, const collapse_limits& limits) {
    if (v.is_anonymous()) return anon_collapse<P>(mm, v, begin, limits).run();
    return shmem_collapse<P>(mm, v, begin, limits).run();
}

}  // namespace detail

/// MADV_COLLAPSE of [from, to) of v. Returns: 0 where every whole block of it is huge now, or a negative errno.
/// Requires: the mmap lock for writing.
template <class P>
[[nodiscard]] int collapse_range(space<P>& mm, vma& v, vaddr from, vaddr to) {
    if (!P::has_collapse_advice || !detail::may_collapse(v)) return -err::einval;
    const vaddr first = align_up(from, pmd_size), last = align_down(to, pmd_size);
    if (first > last) return -err::einval;
    mm.phys.lru_drain_all();
    int error = 0;
    for (vaddr a = first; a < last; a += pmd_size) {
        const collapse_outcome o = detail::collapse_block(mm, v, a, {});
        if (const int failed = error_of(o)) error = failed;
        if (!goes_on_after(o)) break;
    }
    return error;
}

/// One pass of khugepaged over a space. Returns: huge pages made.
template <class P>
std::uint64_t khugepaged_scan(space<P>& mm, collapse_limits limits = {}) {
    limits.asked = false;
    std::uint64_t made = 0;
    mm.phys.lru_drain_all();
    std::unique_lock lock(mm.mmap_lock);
    for (auto& [start, v] : mm.vmas()) {
        if (!detail::may_collapse(v) || !wants_huge(mm, v)) continue;
        for (vaddr a = align_up(v.start, pmd_size); a + pmd_size <= v.end; a += pmd_size)
            if (detail::collapse_block(mm, v, a, limits) == collapse_outcome::done) ++made;
    }
    return made;
}

}  // namespace pinfold::mm
