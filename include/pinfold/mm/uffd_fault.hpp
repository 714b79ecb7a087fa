// SPDX-License-Identifier: BSL-1.0
// Faults in memory a userfaultfd watches: told to its reader, and waited for, or refused where nobody may wait.
// Source: spec 10 §18, spec 06 §4.
#pragma once

#include <mutex>
#include <optional>

#include "fault_file.hpp"
#include "fault_types.hpp"
#include "hugetlb_entry.hpp"
#include "uffd_context.hpp"

namespace pinfold::mm {

namespace detail {

/// Returns: whether a fault on the empty place is for the reader: nothing is there, in the file neither.
template <class P>
[[nodiscard]] bool is_missing(const vma& v, vaddr a) {
    if (!v.has(vm::uffd_missing)) return false;
    if (v.is_anonymous()) return true;
    const std::lock_guard cache(v.source->lock);
    return v.page_offset(a) < v.source->pages() && !v.source->find(v.page_offset(a));
}

/// Returns: what a fault would have to wait for at `a` now, if anything.
template <class P>
[[nodiscard]] std::optional<uffd_event> watched_event(space<P>& mm, const vma& v, vaddr a, unsigned flags) {
    const bool write = (flags & ff::write) != 0;
    const entry e = find_leaf(mm, a).slot->read();
    if (e.is_empty() && is_missing<P>(v, a)) return uffd_event{a & page_mask, write, false};
    if (e.is_leaf() && write && v.has(vm::uffd_wp) && e.has(eb::uffd_wp)) return uffd_event{a & page_mask, true, true};
    return std::nullopt;
}

/// A place that was write-protected while it was empty: the page comes in protected.
template <class P>
[[nodiscard]] fault_result marker_fault(space<P>& mm, vma& v, vaddr a, unsigned flags) {
    const auto at = mm.tables.find(a, level::pte);
    if (!at.reached(level::pte)) return fault_result::ok;
    const entry marker = at.slot->read();
    if (marker.kind() != entry_kind::marker) return fault_result::ok;
    if (v.has(vm::uffd_wp)) return file_fault(mm, v, a, flags, at, marker);
    word_guard lock(at.lock());  // who has it reads the entry and then sets it (spec 07 §2)
    if (at.slot->read() == marker) at.slot->set(entry{});
    return fault_result::ok;
}

}  // namespace detail

/// Returns: the result of a fault that concerns the reader; none, the fault goes on as usual. A caller that cannot let
/// go of the mmap lock gets sigbus; one that does not wait, retry with the lock held and no event (spec 10 §18).
/// Requires: the mmap lock for reading, no other; v holds a.
template <class P>
[[nodiscard]] std::optional<fault_result> watched_fault(space<P>& mm, vma& v, vaddr a, unsigned flags) {
    const auto event = v.watcher ? detail::watched_event(mm, v, a, flags) : std::nullopt;
    if (!event) {
        // Marks outlast their watcher where another was there in between: without one they mean nothing.
        const bool marked = !v.is_hugetlb() && find_leaf(mm, a).slot->read().kind() == entry_kind::marker;
        return marked ? std::optional(detail::marker_fault(mm, v, a, flags)) : std::nullopt;
    }
    if ((flags & ff::allow_retry) == 0) return fault_result::sigbus;
    if ((flags & ff::retry_nowait) != 0) return fault_result::retry;
    const std::shared_ptr<uffd_context> watcher = v.watcher;  // the VMA may go while this thread waits
    watcher->wait(mm.mmap_lock, *event, [&] { return detail::watched_event(mm, v, a, flags).has_value(); });
    return fault_result::retry;
}

}  // namespace pinfold::mm
