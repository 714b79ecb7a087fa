// SPDX-License-Identifier: BSL-1.0
// madvise: each advice for each VMA of the range; holes are gone over and told at the end. Source: spec 10 §10.
#pragma once

#include <algorithm>
#include <shared_mutex>

#include "advise_remove.hpp"
#include "collapse.hpp"
#include "ksm_merge.hpp"
#include "populate.hpp"
#include "reclaim_advice.hpp"
#include "unmap.hpp"
#include "willneed.hpp"

namespace pinfold::mm {

enum class advice : unsigned char { hugepage, nohugepage, dontneed, free, cold, pageout, populate_read, populate_write,
                                    mergeable, unmergeable, dontfork, dofork, wipeonfork, keeponfork, remove, collapse,
                                    dontneed_locked, normal, dontdump, dodump, random, sequential, willneed };

namespace detail {

/// Whether it only looks at entries; the others change the VMA.
[[nodiscard]] constexpr bool keeps_vmas(advice what) noexcept {
    return what == advice::dontneed || what == advice::dontneed_locked || what == advice::free || what == advice::cold ||
           what == advice::pageout || what == advice::willneed;
}

/// Returns: 0 or -EINVAL where this VMA cannot have the flags that `what` changes; else on and off say which.
[[nodiscard]] inline int flags_of(advice what, const vma& v, std::uint64_t& on, std::uint64_t& off) noexcept {
    on = off = 0;
    const bool fit_for_ksm = !v.has(vm::shared | vm::mayshare | vm::pfnmap | vm::io | vm::mixedmap | vm::hugetlb | vm::shadow_stack) &&
                             v.kind != vma_kind::fsdax && v.kind != vma_kind::devdax;
    switch (what) {
        case advice::hugepage: on = vm::hugepage, off = vm::nohugepage; return 0;
        case advice::nohugepage: on = vm::nohugepage, off = vm::hugepage; return 0;
        case advice::mergeable: on = fit_for_ksm ? vm::mergeable : 0; return 0;
        case advice::unmergeable: off = vm::mergeable; return 0;
        case advice::dontfork: on = vm::dontcopy; return 0;
        case advice::dofork: off = vm::dontcopy; return v.has(vm::io) ? -err::einval : 0;
        case advice::wipeonfork: on = vm::wipeonfork; return v.source || v.has(vm::shared) ? -err::einval : 0;
        case advice::keeponfork: off = vm::wipeonfork; return 0;
        case advice::normal: case advice::random: case advice::sequential:
        case advice::dontdump: return 0;  // neither read-ahead by advice nor dumps of ranges are modelled
        case advice::dodump: return v.has(vm::io | vm::pfnmap | vm::mixedmap) ? -err::einval : 0;
        default: return -err::einval;
    }
}

/// MADV_DONTNEED, MADV_DONTNEED_LOCKED. hugetlb: whole huge pages inside the range; part of one is left alone (NR-6).
template <class P>
[[nodiscard]] int discard(space<P>& mm, vma& v, vaddr from, vaddr to, std::uint64_t never) {
    if (v.has(never) || v.kind == vma_kind::secretmem || !v.may_split(from)) return -err::einval;
    if (v.is_hugetlb()) to = align_down(to, page_size << v.huge_order);
    zap_range(mm, v, from, to, true);
    return 0;
}

/// MADV_UNMERGEABLE: every KSM page of the range becomes a copy of this process's own, as for a read pin.
template <class P>
[[nodiscard]] int unmerge(space<P>& mm, vma& v, vaddr from, vaddr to) {
    for (vaddr a = from; a < to; a += page_size)
        if (break_ksm(mm, v, a) == fault_result::oom) return -err::enomem;
    return 0;
}

template <class P>
[[nodiscard]] int advise_vma(space<P>& mm, vma& v, vaddr from, vaddr to, advice what) {
    switch (what) {
        case advice::dontneed: return discard(mm, v, from, to, vm::locked | vm::pfnmap);
        case advice::dontneed_locked: return discard(mm, v, from, to, vm::pfnmap);
        case advice::free: return advise_reclaim(mm, v, from, to, reclaim_advice::free);
        case advice::cold: return advise_reclaim(mm, v, from, to, reclaim_advice::cold);
        case advice::pageout: return advise_reclaim(mm, v, from, to, reclaim_advice::pageout);
        case advice::collapse: return collapse_range(mm, v, from, to);
        case advice::willneed: return will_need(mm, v, from, to);
        default: break;
    }
    std::uint64_t on = 0, off = 0;
    if (const int error = flags_of(what, v, on, off)) return error;
    if ((v.flags & off) == 0 && (v.flags & on) == on) return 0;
    if (!v.may_split(from) || !v.may_split(to)) return -err::einval;
    if (what == advice::unmergeable && v.anon())
        if (const int error = unmerge(mm, v, from, to)) return error;
    if ((on & vm::mergeable) != 0) mm.phys.mergeable.enter(&mm);
    mm.update(from, to, [on, off](vma& part) { part.flags = (part.flags | on) & ~off; });
    return 0;
}

template <class P>
[[nodiscard]] int advise_each(space<P>& mm, vaddr a, vaddr end, advice what) {
    int missing = 0;
    while (a < end) {
        vma* v = mm.find_next(a);
        if (!v || v->start >= end) return -err::enomem;
        if (v->start > a) missing = -err::enomem;
        const vaddr from = std::max(a, v->start), to = std::min(end, v->end);
        if (const int error = advise_vma(mm, *v, from, to, what)) return error;
        a = to;
    }
    return missing;
}

}  // namespace detail

/// Returns: 0 or a negative errno; -ENOMEM too where there was a hole, and the rest was advised.
template <class P>
[[nodiscard]] int advise(space<P>& mm, vaddr a, std::uint64_t len, advice what) {
    len = align_up(len, page_size);
    if ((a & ~page_mask) != 0 || a + len < a) return -err::einval;
    if (what == advice::populate_read || what == advice::populate_write)
        return populate(mm, a, a + len, what == advice::populate_write ? foll::write : 0);
    if (what == advice::remove) return remove_from_files(mm, a, a + len);
    if (detail::keeps_vmas(what)) {
        std::shared_lock lock(mm.mmap_lock);
        return detail::advise_each(mm, a, a + len, what);
    }
    std::unique_lock lock(mm.mmap_lock);
    return detail::advise_each(mm, a, a + len, what);
}

}  // namespace pinfold::mm
