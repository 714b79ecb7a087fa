// SPDX-License-Identifier: BSL-1.0
// A page of a file is going to be written through a shared mapping. Source: spec 07 B2 step 3.
#pragma once

#include "fault_types.hpp"
#include "pagecache.hpp"
#include "space.hpp"

namespace pinfold::mm {

namespace detail {

[[nodiscard]] inline entry made_writable(entry e, const vma& v) noexcept {
    e = e.with(eb::dirty).with(eb::young).with(eb::soft_dirty);
    return v.has(vm::write) ? e.with(eb::writable) : e;
}

}  // namespace detail

/// Effects: the filesystem is told that a page is going to be written: buffers, dirty (page_mkwrite).
/// Requires: what keeps writeback from cleaning the page before its entry is writable: the file's lock.
template <class P>
void page_mkwrite(physical<P>& phys, const vma& v, frame<P>* head) {
    if (v.kind == vma_kind::file) attach_buffers(phys, head);
    head->set(pg::dirty);
}

/// A write fault on a present read-only entry of a shared mapping. Requires: the pte lock, held by `lock`, under which
/// `e` was read; it is dropped on the way.
template <class P>
[[nodiscard]] fault_result write_shared(space<P>& mm, vma& v, const typename space<P>::place& at, entry e,
                                        frame<P>* page, word_guard& lock) {
    if (!page || !v.source) {  // a driver's own: nobody is to be told
        if (page) mm.phys.head(page)->set(pg::dirty);
        at.slot->set(detail::made_writable(e, v));
        return fault_result::ok;
    }
    lock.release();  // the file's lock is outside the page table's
    std::lock_guard cache(v.source->lock);
    word_guard again(at.lock());
    if (at.slot->read() != e) return fault_result::ok;  // the walk looks again
    page_mkwrite(mm.phys, v, mm.phys.head(page));
    at.slot->set(detail::made_writable(e, v));
    return fault_result::ok;
}

}  // namespace pinfold::mm
