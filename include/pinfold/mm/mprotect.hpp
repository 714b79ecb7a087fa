// SPDX-License-Identifier: BSL-1.0
// mprotect: what may be done through the entries of a range. Counts never change. Source: spec 07 B18, spec 10 §9.
#pragma once

#include <shared_mutex>

#include "each_leaf.hpp"
#include "prot.hpp"
#include "unmap.hpp"

namespace pinfold::mm {

namespace detail {

/// One pte of mprotect. Returns: the entry it becomes. Source: spec 10 §9.
template <class P>
[[nodiscard]] entry reprotect(const physical<P>& phys, const vma& v, entry e, bool huge) noexcept {
    e = e.as_said_by(v);
    if (!v.has(vm::write) || (v.notes_writes() && !e.has(eb::dirty))) return e.without(eb::writable);
    if (e.has(eb::writable) || e.has(eb::uffd_wp)) return e;
    if (v.has(vm::soft_clean) && !e.has(eb::soft_dirty)) return e;  // the next write is noted
    if (v.has(vm::shared)) return e.with(eb::writable);
    if constexpr (P::anon_exclusive) {
        const frame<P>* page = normal_page(phys, e);
        if (page && huge) page = phys.head(const_cast<frame<P>*>(page));
        if (page && phys.is_anonymous(page) && page->is(pg::exclusive) && !e.has(eb::uffd_wp)) return e.with(eb::writable);
    }
    return e;
}

}  // namespace detail

/// Returns: 0 or a negative errno.
template <class P>
[[nodiscard]] int protect(space<P>& mm, vaddr a, std::uint64_t len, unsigned p) {
    len = align_up(len, page_size);
    if ((a & ~page_mask) != 0 || a + len < a) return -err::einval;
    if (len == 0) return 0;
    std::unique_lock lock(mm.mmap_lock);
    if (!may_cut(mm, a) || !may_cut(mm, a + len)) return -err::einval;
    mm.split_at(a);
    mm.split_at(a + len);
    vaddr from = a;
    while (from < a + len) {  // up to the first hole
        vma* const at_from = mm.find(from);
        if (!at_from) break;
        vma& v = *at_from;
        from = v.end;
        const std::uint64_t before = v.flags;
        v.flags = (v.flags & ~vm::access) | detail::access_flags(p);
        v.keyed = P::execute_only_keys && p == prot::exec;
        if (v.is_hugetlb()) {
            if (v.flags != before) protect_huge(mm, v);
            continue;
        }
        each_entry(mm, v.start, v.end, [&](const auto& at, vaddr, std::uint64_t span) {
            update_entry(*at.slot, [&](entry e) {
                return e.is_leaf() ? detail::reprotect(mm.phys, v, e, span != page_size) : detail::reprotect_absent(v, e);
            });
        });
    }
    word64::full_fence();
    mm.update(a, from, [](vma&) {});  // merges what has become alike
    return from < a + len ? -err::enomem : 0;
}

}  // namespace pinfold::mm
