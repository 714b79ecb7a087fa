// SPDX-License-Identifier: BSL-1.0
// Faulting ranges in without taking a reference: MADV_POPULATE_*, MAP_POPULATE, mlock. Source: spec 06 §7.
#pragma once

#include <cstdint>
#include <shared_mutex>

#include "gup_slow.hpp"

namespace pinfold::mm {

/// MADV_POPULATE_*: hole -ENOMEM, refused VMA -EINVAL, poison -EHWPOISON, nothing behind it -EFAULT.
template <class P>
[[nodiscard]] int populate(space<P>& mm, vaddr a, vaddr end, unsigned write) {
    while (a < end) {
        {
            std::shared_lock lock(mm.mmap_lock);
            const vma* v = mm.find(a);
            if (!v) return -err::enomem;
            if (check_vma<P>(*v, write).error != 0) return -err::einval;
        }
        int locked = 0;
        const long n = slow_locked(mm, a, (end - a) >> page_shift, write | foll::touch | foll::hwpoison, {}, &locked);
        if (n <= 0) return n == 0 ? -err::efault : static_cast<int>(n);
        a += static_cast<std::uint64_t>(n) << page_shift;
    }
    return 0;
}

/// What mlock and MAP_POPULATE do: write faults where private memory is writable, so that COW is behind them.
template <class P>
int prefault(space<P>& mm, vaddr a, vaddr end) {
    while (a < end) {
        vaddr stop = end;
        unsigned flags = foll::touch;
        {
            std::shared_lock lock(mm.mmap_lock);
            const vma* v = mm.find(a);
            if (!v) return -err::enomem;
            stop = v->end < end ? v->end : end;
            const bool on_fault = v->has(vm::lockonfault);
            if (v->has(vm::io | vm::pfnmap) || (on_fault && !P::lookup_flags_2019)) {
                a = stop;
                continue;
            }
            if (!v->is_accessible()) return -err::enomem;
            flags |= v->has(vm::write) && !v->has(vm::shared) ? foll::write : foll::force;
            if constexpr (P::lookup_flags_2019) flags |= foll::mlock | (on_fault ? 0U : foll::populate);
        }
        int locked = 0;
        const long n = slow_locked(mm, a, (stop - a) >> page_shift, flags, {}, &locked);
        if (n <= 0) return n == 0 ? -err::efault : static_cast<int>(n);
        a += static_cast<std::uint64_t>(n) << page_shift;
    }
    return 0;
}

}  // namespace pinfold::mm
