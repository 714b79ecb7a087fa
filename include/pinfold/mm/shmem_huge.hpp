// SPDX-License-Identifier: BSL-1.0
// Faults on huge folios of memory files: a pmd maps one where the mapping has room for it. Source: spec 10 §4 §12.
#pragma once

#include <mutex>

#include "fault_file.hpp"
#include "shmem_cache.hpp"

namespace pinfold::mm {

/// Returns: whether a pmd may map the 2 MiB of v around `a`.
[[nodiscard]] inline bool fits_huge_folio(const vma& v, vaddr a) noexcept {
    const vaddr begin = align_down(a, pmd_size);
    return !v.has(vm::nohugepage | vm::uffd_wp) && begin >= v.start && begin + pmd_size <= v.end &&
           (v.page_offset(begin) & (pages_per_pmd - 1)) == 0;
}

/// A fault where no page table is yet. Returns: retry when it is a case for ptes: a private write, no huge folio.
template <class P>
[[nodiscard]] fault_result shmem_huge_fault(space<P>& mm, vma& v, vaddr a, unsigned flags,
                                            const typename space<P>::place& at) {
    physical<P>& phys = mm.phys;
    file& f = *v.source;
    const bool write = (flags & ff::write) != 0;
    if ((flags & ff::unshare) != 0 || (write && !v.has(vm::shared)) || !fits_huge_folio(v, a)) return fault_result::retry;
    const std::uint64_t index = v.page_offset(a);
    {
        std::lock_guard cache(f.lock);  // what is cached now is not truncated before it is mapped
        if (index >= f.pages()) return fault_result::retry;
        if (!f.find(index) && wants_huge_folio(phys, f, index, v.has(vm::hugepage))) {
            frame<P>* fresh = shmem_add_locked(phys, f, index, v.has(vm::hugepage));
            if (!fresh) return fault_result::oom;
            phys.lru_add(phys.head(fresh));
        }
        const auto* c = f.find(index);
        if (!c || c->second.order != pmd_order) return fault_result::retry;
        frame<P>* head = phys.at(c->second.first);
        if (write) page_mkwrite(phys, v, head);
        word_guard lock(at.lock());
        if (!at.slot->read().is_none()) return fault_result::retry;
        phys.hold(head, holder::entry);
        map_huge(head);
        mlock_mapped(v, head);
        const entry e = entry::leaf(phys.number(head), file_read_bits(v));
        at.slot->set(write ? detail::made_writable(e, v) : e);
    }
    return fault_result::ok;
}

}  // namespace pinfold::mm
