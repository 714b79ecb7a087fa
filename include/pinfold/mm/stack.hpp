// SPDX-License-Identifier: BSL-1.0
// Stacks grow downwards: an access below one makes it longer, as far as a limit and a gap to its neighbour allow.
// Source: spec 06 §3 (find_extend_vma).
#pragma once

#include <iterator>
#include <mutex>
#include <shared_mutex>

#include "space.hpp"

namespace pinfold::mm {

inline constexpr std::uint64_t stack_limit = std::uint64_t{8} << 20;
inline constexpr std::uint64_t stack_guard = 256 * page_size;  ///< kept free below it
inline constexpr vaddr lowest_mappable = 1U << 16;

/// Returns: whether nothing is mapped at `a` and the next mapping above is a stack. Requires: the mmap lock.
template <class P>
[[nodiscard]] bool below_stack(space<P>& mm, vaddr a) noexcept {
    const vma* v = mm.find_next(a);
    return v && a < v->start && v->has(vm::growsdown);
}

/// Effects: the stack above `a` reaches down to the page of `a`. Returns: whether a mapping holds `a` now.
/// Requires: no lock of mm.
template <class P>
bool grow_stack(space<P>& mm, vaddr a) {
    a = align_down(a, page_size);
    std::unique_lock lock(mm.mmap_lock);
    if (!below_stack(mm, a)) return mm.find(a) != nullptr;
    vma& v = *mm.find_next(a);
    if (a < lowest_mappable || v.end - a > stack_limit || (v.start - a) >> page_shift > v.pgoff) return false;
    const auto it = mm.vmas().find(v.start);
    if (it != mm.vmas().begin()) {
        const vma& under = std::prev(it)->second;
        if (!under.has(vm::growsdown) && under.is_accessible() && a - under.end < stack_guard) return false;
    }
    mm.grow_down(v, a);
    return true;
}

/// Effects: what gup of foll_pin_2019 does on its way: every hole of [from, to) that is below a stack becomes part of
/// it. Before the walk, which holds the mmap lock for reading only. Requires: no lock of mm.
template <class P>
void grow_stacks(space<P>& mm, vaddr from, vaddr to) {
    for (vaddr a = from; a < to;) {
        bool hole = false;
        {
            std::shared_lock lock(mm.mmap_lock);
            const vma* v = mm.find_next(a);
            if (!v) return;
            hole = below_stack(mm, a);
            if (!hole) a = v->end;
        }
        if (hole && !grow_stack(mm, a)) return;
    }
}

}  // namespace pinfold::mm
