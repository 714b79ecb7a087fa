// SPDX-License-Identifier: BSL-1.0
// fork of hugetlb mappings: shared as base pages are, but a pinned page's copy comes from what the pool has promised
// to nobody, and when there is none, fork fails. Source: spec 07 §6, spec 10 §7.
#pragma once

#include "error.hpp"
#include "hugetlb_cow.hpp"
#include "move_entries.hpp"

namespace pinfold::mm {

namespace detail {

/// Whether the child must get its own copy now. Source: spec 07 §16.
template <class P>
[[nodiscard]] bool must_copy_huge(const space<P>& parent, frame<P>* head) {
    if constexpr (!P::anon_exclusive) return false;
    return parent.has_pinned.load() != 0 && head->is_anon() && head->is(pg::exclusive) &&
           static_cast<bool>(physical<P>::ops::maybe_pinned(head));
}

/// Effects: the page of one entry is shared, read-only on both sides where it is private.
/// Requires: both entries' locks; e is a leaf there.
template <class P>
void share_huge(physical<P>& phys, const vma& v, frame<P>* head, const huge_place& from, const huge_place& to, entry e) {
    phys.hold(head, holder::entry);
    map_huge(head);
    if constexpr (P::anon_exclusive)
        if (head->is_anon()) head->clear(pg::exclusive);
    if (v.is_cow() && e.has(eb::writable)) {
        e = e.without(eb::writable);
        from.slot->set(e);
    }
    to.slot->set(e.without(eb::uffd_wp));  // the accessed bit is kept, unlike a base page's
}

/// Returns: 0, -EAGAIN when a copy is needed and `fresh` is null, nothing done then.
template <class P>
[[nodiscard]] int fork_huge_entry(space<P>& parent, space<P>& child, vma& v, vma& to, vaddr a, const huge_place& src,
                                  const huge_place& dest, frame<P>*& fresh) {
    physical<P>& phys = parent.phys;
    const two_tables lock(src.lock(), dest.lock());
    entry e = src.slot->read();
    if (e.kind() == entry_kind::migration && v.is_cow()) {
        e = e.without(eb::writable).without(eb::exclusive);
        src.slot->set(e);
    }
    if (e.is_empty()) return 0;  // nobody watches the child
    if (!e.is_leaf()) {
        dest.slot->set(e);
        return 0;
    }
    frame<P>* head = phys.head(phys.at(e.number()));
    if (!must_copy_huge(parent, head)) {
        share_huge(phys, v, head, src, dest, e);
        return 0;
    }
    if (!fresh) return -err::eagain;
    copy_folio(phys, fresh, head);
    make_huge_anon(child, to, a, fresh);
    map_huge(fresh);
    phys.pass(fresh, holder::hand_out, holder::entry);
    entry copy = entry::leaf(phys.number(fresh), base_bits(to)).with(eb::dirty);
    if (to.has(vm::write)) copy = copy.with(eb::writable);
    dest.slot->set(copy);
    fresh = nullptr;
    return 0;
}

}  // namespace detail

/// Effects: `to`, empty, in `child` shows what v shows in `parent`. Returns: 0 or -ENOMEM.
/// Requires: both mmap locks for writing.
template <class P>
[[nodiscard]] int fork_hugetlb(space<P>& parent, space<P>& child, vma& v, vma& to) {
    physical<P>& phys = parent.phys;
    int error = 0;
    each_huge(parent, v, v.start, v.end, [&](const huge_place& src, vaddr a) {
        if (error != 0) return;
        const huge_place dest = reach_huge(child, a, v.huge_order);
        if (!dest.slot) {
            error = -err::enomem;
            return;
        }
        frame<P>* fresh = nullptr;
        while (detail::fork_huge_entry(parent, child, v, to, a, src, dest, fresh) != 0) {
            fresh = take_huge_page(phys, to, huge_index(to, a), false);  // the child was promised nothing
            if (fresh) continue;
            error = -err::enomem;
            return;
        }
        if (fresh) phys.drop(fresh, holder::hand_out);
    });
    return error;
}

}  // namespace pinfold::mm
