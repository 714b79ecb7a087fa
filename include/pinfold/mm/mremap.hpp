// SPDX-License-Identifier: BSL-1.0
// mremap: a mapping grows, shrinks or moves. Source: spec 07 §7, spec 10 §9.
#pragma once

#include <optional>

#include "error.hpp"
#include "move_entries.hpp"
#include "result.hpp"
#include "unmap.hpp"

namespace pinfold::mm {

/// What mremap is asked for.
struct remapping {
    std::uint64_t old_length = 0;  ///< 0, with `to`: a shared mapping stays, and is there too
    std::uint64_t new_length = 0;
    std::optional<vaddr> to{};   ///< exactly there; what is there goes (MREMAP_MAYMOVE | MREMAP_FIXED)
    bool keep_old = false;       ///< with `to`: the old range stays, empty (MREMAP_DONTUNMAP)
};

namespace detail {

/// Checks what both forms need. Returns: 0 or a negative errno.
template <class P>
[[nodiscard]] int may_remap(const vma* v, vaddr a, const remapping& r) {
    if (!v) return -err::efault;
    if (r.old_length == 0 && !v->has(vm::shared)) return -err::einval;  // a second mapping needs a file to share
    if (r.keep_old && (v->has(vm::pfnmap) || v->kind == vma_kind::driver)) return -err::einval;
    if (r.old_length > v->end - a) return -err::efault;
    if (r.new_length > r.old_length && v->kind == vma_kind::driver) return -err::efault;
    return 0;
}

/// hugetlb: whole huge pages, never more of them than before, and always moved for good.
[[nodiscard]] inline int may_remap_huge(const vma& v, vaddr a, remapping& r) {
    const std::uint64_t size = page_size << v.huge_order;
    r.old_length = align_up(r.old_length, size);
    r.new_length = align_up(r.new_length, size);
    if (((a | r.to.value_or(0)) & (size - 1)) != 0 || r.new_length > r.old_length || r.keep_old) return -err::einval;
    return 0;
}

/// Effects: what is at `a`, which is shared, is mapped at r.to as well: an old length of 0 asks for that. No entry
/// moves. Requires: the new range is free.
template <class P>
void map_again(space<P>& mm, vaddr a, const remapping& r) {
    const vma& old = mm.vma_at(a);
    vma described;
    described.start = *r.to;
    described.end = *r.to + r.new_length;
    described.take_nature_of(old);
    described.pgoff = old.page_offset(a);
    described.flags &= ~(vm::uffd_missing | vm::uffd_wp);
    described.watcher.reset();
    mm.insert(described);
}

/// Effects: [a, a + r.old_length) moves to r.to. Requires: it lies in one VMA, the new range is free.
template <class P>
[[nodiscard]] int move_mapping(space<P>& mm, vaddr a, const remapping& r) {
    mm.split_at(a);
    mm.split_at(a + r.old_length);
    vma& old = mm.vma_at(a);
    vma described;
    described.start = *r.to;
    described.end = *r.to + r.new_length;
    described.take_nature_of(old);
    described.anon_.store(reinterpret_cast<std::intptr_t>(old.anon()));
    described.flags &= ~(vm::uffd_missing | vm::uffd_wp);  // nobody watches the new place
    described.watcher.reset();
    if (old.is_anonymous() && !old.anon()) described.pgoff = *r.to >> page_shift;  // untouched: numbered anew
    mm.insert_apart(described);
    const std::uint64_t len = std::min(r.old_length, r.new_length);
    const std::uint64_t moved = old.is_hugetlb() ? move_huge_entries(mm, old, a, *r.to, len)
                                                 : move_entries(mm, old, a, *r.to, len, false);
    if (moved != len) {  // back again: what was taken has room where it was
        (void)(old.is_hugetlb() ? move_huge_entries(mm, *mm.find(*r.to), *r.to, a, len)
                                : move_entries(mm, *mm.find(*r.to), *r.to, a, moved, true));
        unmap_range(mm, *r.to, *r.to + r.new_length);
        return -err::enomem;
    }
    if (r.keep_old) {
        old.flags &= ~(vm::locked | vm::lockonfault);
        anon_rmap::detach(old);  // no page of the old range is left
    } else {
        forget_promise(old);  // it moved with the mapping
        unmap_range(mm, a, a + r.old_length);
    }
    mm.update(*r.to, *r.to + r.new_length, [](vma&) {});  // merges
    return 0;
}

}  // namespace detail

/// Returns: where the mapping is now. Locked memory that is new in it is not faulted in here.
template <class P>
[[nodiscard]] result<vaddr> remap(space<P>& mm, vaddr a, remapping r) {
    using geo = geometry<P::p4d_folded>;
    if (r.keep_old && (!r.to || r.old_length != r.new_length)) return {0, -err::einval};
    r.old_length = align_up(r.old_length, page_size);
    r.new_length = align_up(r.new_length, page_size);
    if ((a & ~page_mask) != 0 || r.new_length == 0) return {0, -err::einval};
    const std::unique_lock lock(mm.mmap_lock);
    vma* v = mm.find(a);
    if (!v) return {0, -err::efault};
    if (v->is_hugetlb())
        if (const int error = detail::may_remap_huge(*v, a, r)) return {0, error};
    if (r.to) {
        const vaddr b = *r.to;
        if ((b & ~page_mask) != 0 || r.new_length > geo::user_end || b > geo::user_end - r.new_length) return {0, -err::einval};
        if (a + r.old_length > b && b + r.new_length > a) return {0, -err::einval};  // they overlap
        if (!may_cut(mm, b) || !may_cut(mm, b + r.new_length)) return {0, -err::einval};
        unmap_range(mm, b, b + r.new_length);
        if (r.old_length > r.new_length) {
            unmap_range(mm, a + r.new_length, a + r.old_length);
            r.old_length = r.new_length;
        }
        if (const int error = detail::may_remap<P>(mm.find(a), a, r)) return {0, error};
        if (r.old_length == 0) detail::map_again(mm, a, r);
        else if (const int error = detail::move_mapping(mm, a, r)) return {0, error};
        return {b, 0};
    }
    if (r.old_length >= r.new_length) {
        if (!may_cut(mm, a + r.new_length) || !may_cut(mm, a + r.old_length)) return {0, -err::einval};
        if (r.old_length > r.new_length) unmap_range(mm, a + r.new_length, a + r.old_length);
        return {a, 0};
    }
    if (const int error = detail::may_remap<P>(v, a, r)) return {0, error};
    const std::uint64_t more = r.new_length - r.old_length;
    if (a + r.old_length != v->end || v->end + more > geo::user_end || !mm.is_free(v->end, more)) return {0, -err::enomem};
    mm.grow(*v, more);
    return {a, 0};
}

}  // namespace pinfold::mm
