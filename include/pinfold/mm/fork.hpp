// SPDX-License-Identifier: BSL-1.0
// fork: a child's address space from its parent's. What is private and writable is shared read-only from now on,
// except, in linux_6_12, what is pinned: that is copied at once, so that parent and device stay together.
// Source: spec 07 §6 B3, spec 10 §7.
#pragma once

#include <shared_mutex>

#include "fork_pmd.hpp"
#include "hugetlb_fork.hpp"

namespace pinfold::mm {

/// While one exists, a fast pin of this space finds out that it overlapped a fork. Source: spec 05 §6.
/// Synchronises: a full fence behind the odd value: either the pin sees it, or fork sees the pin.
template <class P>
class write_protecting {
public:
    write_protecting(space<P>& mm, bool protects) noexcept : mm_(mm), on_(P::fast_pins_are_noted && protects) {
        if (!on_) return;
        mm_.write_protect_seq.fetch_grab(1);
        word64::full_fence();
    }
    write_protecting(const write_protecting&) = delete;
    write_protecting& operator=(const write_protecting&) = delete;
    ~write_protecting() {
        if (on_) mm_.write_protect_seq.fetch_grab(1);
    }

private:
    space<P>& mm_;
    bool on_;
};

namespace detail {

/// Whether the child starts with the entries of this VMA or finds them by itself.
template <class P>
[[nodiscard]] bool fork_copies(const vma& v) noexcept {
    if (v.has(vm::wipeonfork)) return false;
    if (v.has(vm::pfnmap | vm::mixedmap) || v.anon()) return true;
    if constexpr (P::fork_copies_untouched_anon) return v.is_anonymous() || v.kind == vma_kind::hugetlb;
    return false;
}

/// The child's VMA: not locked, not watched by a userfaultfd. In a wiped one nothing was ever mapped.
inline void describe_child(vma& c, const vma& v) {
    c.start = v.start;
    c.end = v.end;
    c.take_nature_of(v);
    c.flags &= ~(vm::locked | vm::lockonfault | vm::uffd_missing | vm::uffd_wp);
    c.watcher.reset();
    c.promised.reset();  // reservations belong to the owner
    if (!v.has(vm::wipeonfork)) c.anon_.store(reinterpret_cast<std::intptr_t>(v.anon()));
}

template <class P>
[[nodiscard]] int copy_range(fork_copy<P>& copy) {
    using geo = geometry<P::p4d_folded>;
    vma& v = copy.from;
    for (vaddr a = v.start; a < v.end;) {
        const auto at = copy.parent.tables.find(a, level::pmd);
        if (!at.reached(level::pmd)) {
            a = align_down(a, geo::span(at.at)) + geo::span(at.at);
            continue;
        }
        const vaddr next = align_down(a, pmd_size) + pmd_size;
        if (!at.slot->read().is_none()) {
            bool done = false;
            if (!at.slot->read().is_table())
                if (const int error = copy_pmd(copy, a, at, done)) return error;
            if (!done)
                if (const int error = copy_ptes(copy, a, next < v.end ? next : v.end)) return error;
        }
        a = next;
    }
    return 0;
}

}  // namespace detail

/// Effects: `child`, empty, becomes a copy of `parent`. Returns: 0 or -ENOMEM; the child is then partly filled.
template <class P>
[[nodiscard]] int fork_space(space<P>& parent, space<P>& child) {
    const std::unique_lock lock(parent.mmap_lock);
    const std::unique_lock child_lock(child.mmap_lock);  // nobody waits for it: nobody knows the child yet
    if (parent.phys.mergeable.has(&parent)) parent.phys.mergeable.enter(&child);
    for (auto& [start, v] : parent.vmas()) {
        if (v.has(vm::dontcopy)) continue;
        vma described;
        detail::describe_child(described, v);
        vma& to = child.insert_apart(described);
        if (!detail::fork_copies<P>(v)) continue;
        detail::fork_copy<P> copy{parent, child, v, to};
        const write_protecting<P> section(parent, v.is_cow());
        if (const int error = v.is_hugetlb() ? fork_hugetlb(parent, child, v, to) : detail::copy_range(copy)) return error;
    }
    word64::full_fence();  // the flush of the parent's write-protected entries
    return 0;
}

}  // namespace pinfold::mm
