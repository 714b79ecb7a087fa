// SPDX-License-Identifier: BSL-1.0
// mbind: where the pages of a range are to come from. What is mapped already stays where it is.
#pragma once

#include <mutex>

#include "unmap.hpp"

namespace pinfold::mm {

/// Effects: MPOL_BIND to one node. Shared memory remembers it for all who map it, and for places nobody has touched.
/// Huge pages of a pool are bound by the mapping that asks for them, shared or not, and the bond is strict.
/// Returns: 0; -EINVAL, misaligned or no such node; -EFAULT, the range has a hole.
template <class P>
[[nodiscard]] int bind_memory(space<P>& mm, vaddr a, std::uint64_t len, unsigned node) {
    len = align_up(len, page_size);
    if ((a & ~page_mask) != 0 || a + len < a || node >= mm.phys.nodes()) return -err::einval;
    if (len == 0) return 0;
    const std::unique_lock lock(mm.mmap_lock);
    if (!is_covered(mm, a, a + len)) return -err::efault;
    if (!may_cut(mm, a) || !may_cut(mm, a + len)) return -err::einval;
    mm.update(a, a + len, [&](vma& v) {
        v.node = static_cast<signed char>(node);
        if (v.kind != vma_kind::shmem) return;
        const std::lock_guard guard(v.source->lock);
        v.source->bind(v.pgoff, v.pgoff + v.pages(), static_cast<signed char>(node));
    });
    return 0;
}

}  // namespace pinfold::mm
