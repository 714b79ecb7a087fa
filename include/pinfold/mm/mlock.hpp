// SPDX-License-Identifier: BSL-1.0
// mlock and munlock. Source: spec 06 §7, spec 10 §3 §9.
#pragma once

#include <shared_mutex>

#include "each_leaf.hpp"
#include "populate.hpp"
#include "unmap.hpp"

namespace pinfold::mm {

/// Effects: mlock, munlock: the VMAs and what they map are marked, and mlock faults the rest in; mlock2 with on_fault
/// leaves that to whoever touches it.
/// Returns: 0 or a negative errno; what could not be faulted in is -ENOMEM, and the range stays locked.
template <class P>
int lock_range(space<P>& mm, vaddr a, std::uint64_t len, bool on, bool on_fault = false) {
    {
        std::unique_lock lock(mm.mmap_lock);
        if (!is_covered(mm, a, a + len)) return -err::enomem;
        mm.update(a, a + len, [on, on_fault](vma& v) {
            // Never swapped anyhow: populated, not locked.
            if (v.has(vm::hugetlb | vm::pfnmap | vm::io | vm::mixedmap) || v.kind == vma_kind::fsdax ||
                v.kind == vma_kind::devdax || v.kind == vma_kind::driver || v.kind == vma_kind::secretmem)
                return;
            v.flags &= ~(vm::locked | vm::lockonfault);
            if (on) v.flags |= on_fault ? vm::locked | vm::lockonfault : vm::locked;
        });
        const bool by_lookup = on && P::lookup_flags_2019;  // each page is marked where prefault finds it
        if (!by_lookup) each_leaf(mm, a, a + len, [&](const auto& at, vaddr, std::uint64_t) {
            if (frame<P>* page = normal_page(mm.phys, at.slot->read()); page && !mm.phys.head(page)->is(pg::hugetlb))
                mm.phys.head(page)->change(on ? frame<P>::bit(pg::mlocked) : 0,
                                            on ? 0 : frame<P>::bit(pg::mlocked));
        });
    }
    if (!on) return 0;
    const int error = prefault(mm, a, a + len);
    return error == -err::efault ? -err::enomem : error;
}

}  // namespace pinfold::mm
