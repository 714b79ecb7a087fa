// SPDX-License-Identifier: BSL-1.0
// Filling the holes of memory files, by 2 MiB where the mount or the machine says so. Source: spec 10 §4 §12.
#pragma once

#include "pagecache.hpp"

namespace pinfold::mm {

namespace detail {

/// Returns: whether nothing of the 2 MiB block is cached, or in swap. Requires: f.lock.
[[nodiscard]] inline bool is_empty_block(const file& f, std::uint64_t start) {
    const auto it = f.cache.lower_bound(start);
    if (f.find(start) || (it != f.cache.end() && it->first < start + pages_per_pmd)) return false;
    if (f.blocks.empty()) return true;
    for (std::uint64_t k = 0; k < pages_per_pmd; ++k)
        if (f.blocks.count(start + k) != 0) return false;
    return true;
}

}  // namespace detail

/// Returns: whether a hole of the file at `index` is to be filled with a huge folio. `advised`: the mapping through
/// which it is met has MADV_HUGEPAGE. Requires: f.lock.
template <class P>
[[nodiscard]] bool wants_huge_folio(const physical<P>& phys, const file& f, std::uint64_t index, bool advised) noexcept {
    if (!f.is_shmem() || phys.shmem_thp == shmem_thp_mode::deny) return false;
    if (f.kind == file_kind::tmpfs_huge || phys.shmem_thp == shmem_thp_mode::force) return true;
    if (f.kind != file_kind::memfd) return false;
    switch (phys.shmem_thp) {
        case shmem_thp_mode::always: return true;
        case shmem_thp_mode::within_size: return f.pages() >= align_up(index + 1, pages_per_pmd) || advised;
        case shmem_thp_mode::advise: return advised;
        default: return false;
    }
}

/// Effects: the hole at `index` is filled: by a huge folio where one is wanted and the block is empty.
/// Returns: the page at index; null when memory is out. Requires: f.lock, nothing cached there.
template <class P>
frame<P>* shmem_add_locked(physical<P>& phys, file& f, std::uint64_t index, bool advised = false) {
    const std::uint64_t start = index & ~(pages_per_pmd - 1);
    if (wants_huge_folio(phys, f, index, advised) && detail::is_empty_block(f, start))
        if (frame<P>* head = cache_add_locked(phys, f, start, pmd_order)) return phys.nth(head, index - start);
    return cache_add_locked(phys, f, index);
}

}  // namespace pinfold::mm
