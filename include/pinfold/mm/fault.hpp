// SPDX-License-Identifier: BSL-1.0
// One page fault: finds the entry, asks what is behind it, installs it. The same for a CPU access and for gup.
// Source: spec 07 §4.
#pragma once

#include "cow.hpp"
#include "dax_fault.hpp"
#include "device_memory.hpp"
#include "fault_anon.hpp"
#include "fault_file.hpp"
#include "fault_raw.hpp"
#include "fault_swap.hpp"
#include "fault_types.hpp"
#include "hugetlb_fault.hpp"
#include "numa_hints.hpp"
#include "uffd_fault.hpp"
#include "mthp.hpp"
#include "shmem_huge.hpp"

namespace pinfold::mm {

/// Requires: the mmap lock for reading; v holds `a`. With ff::allow_retry the lock may be dropped: the result is
/// then `retry`. Effects: at most one page is made present, some of its neighbours perhaps; the caller looks again.
template <class P>
[[nodiscard]] fault_result handle_fault(space<P>& mm, vma& v, vaddr a, unsigned flags) {
    if (const auto r = watched_fault(mm, v, a, flags)) return *r;
    if (v.is_dax())
        if (const auto r = dax_fault(mm, v, a, flags)) return *r;
    if (v.is_hugetlb()) return hugetlb_fault(mm, v, a, flags);
    auto pmd = mm.tables.reach(a, level::pmd);
    if (!pmd.slot) return fault_result::oom;
    entry e = pmd.slot->read();
    if (e.is_none() && v.is_anonymous() && thp_suitable(mm, v, a)) {
        const fault_result r = anon_huge_fault(mm, v, a, flags, pmd);
        if (r != fault_result::retry) return r;
        e = pmd.slot->read();
    } else if (e.is_none() && v.kind == vma_kind::shmem) {
        const fault_result r = shmem_huge_fault(mm, v, a, flags, pmd);
        if (r != fault_result::retry) return r;
        e = pmd.slot->read();
    }
    const bool wants_write = (flags & (ff::write | ff::unshare)) != 0;
    const auto is_watched = [&] { return v.has(vm::uffd_wp) && e.has(eb::uffd_wp) && (flags & ff::write) != 0; };
    const auto is_hint = [&] { return e.has(eb::protnone) && v.is_accessible(); };
    if (e.is_leaf()) {
        if (is_watched()) return fault_result::ok;  // protected since it was asked: the walk looks again
        if (is_hint()) return numa_hint_fault(mm, v, pmd, e);
        if (wants_write && !e.has(eb::writable)) {
            const fault_result r = wp_huge_fault(mm, v, flags, pmd, e);
            if (r != fault_result::ok || pmd.slot->read().is_leaf()) return r;
        } else {
            return fault_result::ok;
        }
    }
    auto at = mm.tables.reach(a, level::pte);
    if (!at.slot) return fault_result::oom;
    if (!at.reached(level::pte)) return fault_result::ok;
    e = at.slot->read();
    switch (e.kind()) {
        case entry_kind::none:
            if (v.is_anonymous() && (flags & ff::write) != 0)
                if (const fault_result r = small_thp_fault(mm, v, a, at); r != fault_result::retry) return r;
            if (v.is_anonymous()) return anon_fault(mm, v, a, flags, at);
            if (v.has(vm::pfnmap)) return raw_fault(mm, v, a, at);
            return v.source ? file_fault(mm, v, a, flags, at) : fault_result::sigbus;
        case entry_kind::leaf:
            if (is_watched()) return fault_result::ok;
            if (is_hint()) return numa_hint_fault(mm, v, at, e);
            if (wants_write && !e.has(eb::writable)) return wp_fault(mm, v, a, flags, at, e);
            return fault_result::ok;
        case entry_kind::swap: return swap_fault(mm, v, a, flags, at, e);
        case entry_kind::migration:  // a short time: whoever moves the page holds no lock that this thread has
            wait_while(*at.slot, e);
            return fault_result::ok;
        case entry_kind::device_private: return device_private_fault(mm, at, e);
        case entry_kind::hwpoison: return fault_result::hwpoison;
        default: return fault_result::ok;  // marked since it was asked whether it is: the walk looks again
    }
}

}  // namespace pinfold::mm
