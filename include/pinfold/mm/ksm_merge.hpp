// SPDX-License-Identifier: BSL-1.0
// Turning one page of one address space into a KSM page, or its entry into one more entry of a KSM page. Whoever holds
// a reference or a pin beside the mappings prevents both. Source: spec 07 B15, spec 10 §17.
#pragma once

#include <shared_mutex>

#include "fault.hpp"
#include "ksm_node.hpp"
#include "swap_cache.hpp"
#include "thp_split.hpp"

namespace pinfold::mm {

namespace detail {

/// Returns: whether two frames have the same bytes.
template <class P>
[[nodiscard]] bool same_contents(const physical<P>& phys, const frame<P>* a, const frame<P>* b) noexcept {
    const auto* x = reinterpret_cast<const std::uint64_t*>(phys.data.bytes(phys.number(a)));
    const auto* y = reinterpret_cast<const std::uint64_t*>(phys.data.bytes(phys.number(b)));
    for (std::uint64_t i = 0; i < page_size / 8; ++i)
        if (__atomic_load_n(x + i, __ATOMIC_RELAXED) != __atomic_load_n(y + i, __ATOMIC_RELAXED)) return false;
    return true;
}

/// Effects: the entry shows the page read-only and clean, and the mark is gone: contents stand still now.
/// Returns: the entry as it is then; none when somebody else holds or pins the page, and nothing is changed.
/// Requires: the page lock and one reference.
template <class P>
[[nodiscard]] entry write_protect_for_ksm(space<P>& mm, vaddr a, frame<P>* page) {
    physical<P>& phys = mm.phys;
    const auto at = mm.tables.find(a, level::pte);
    if (!at.reached(level::pte)) return {};
    word_guard lock(at.lock());
    const entry e = at.slot->read();
    if (normal_page(phys, e) != page || e.has(eb::uffd_wp)) return {};
    const bool exclusive = page->is(pg::exclusive);
    if (!e.has(eb::writable) && !e.has(eb::dirty) && !exclusive) return e;
    const entry saved = at.slot->take();  // cleared and flushed: a fast pin that is not counted yet will not happen
    const std::int32_t due = page->mapcount.load() + 1 + (page->is(pg::swapcache) ? 1 : 0);
    bool refused = page->count.refs() != due;
    if (!refused && exclusive) {
        word64::full_fence();
        refused = static_cast<bool>(physical<P>::ops::maybe_pinned(page));
        if (!refused) {
            page->clear(pg::exclusive);
            word64::full_fence();
        }
    }
    if (refused) {
        at.slot->set(saved);
        return {};
    }
    if (saved.has(eb::dirty)) page->set(pg::dirty);
    const entry now = saved.without(eb::dirty).without(eb::writable);
    at.slot->set(now);
    return now;
}

/// Effects: the entry, write-protected as `seen`, shows `kpage` instead. Returns: false when it has changed.
template <class P>
[[nodiscard]] bool replace_by_ksm(space<P>& mm, const vma& v, vaddr a, frame<P>* page, frame<P>* kpage, entry seen) {
    physical<P>& phys = mm.phys;
    const auto at = mm.tables.find(a, level::pte);
    if (!at.reached(level::pte)) return false;
    {
        word_guard lock(at.lock());
        if (at.slot->read() != seen) return false;
        phys.hold(kpage, holder::entry);
        map_pte(kpage, kpage);
        (void)at.slot->take();
        at.slot->set(entry::leaf(phys.number(kpage), base_bits(v)));
        unmap_pte(page, page);
        munlock_unmapped(v, page);
    }
    phys.drop(page, holder::entry);  // the caller's reference keeps it
    return true;
}

}  // namespace detail

/// Effects: kpage null: `page`, mapped at a, becomes a KSM page without a node. Else its entry there shows kpage.
/// Returns: whether it did. Requires: the mmap lock for reading; v holds a; a reference of page (and of kpage).
template <class P>
[[nodiscard]] bool merge_one_page(space<P>& mm, const vma& v, vaddr a, frame<P>* page, frame<P>* kpage) {
    physical<P>& phys = mm.phys;
    if (page == kpage) return true;  // a child of fork shows it already
    frame<P>* head = phys.head(page);
    if (!head->is_anon() || (head->is_ksm() && head->template owner_as<ksm_node>()) || !try_lock_page(head)) return false;
    if (head->is(pg::large)) {  // the caller's reference, and the lock, go to the page
        if (split_folio(phys, head, page) != 0) {
            unlock_page(head);
            return false;
        }
        head = page;
    }
    bool merged = false;
    {
        const entry seen = detail::write_protect_for_ksm(mm, a, page);
        if (!seen.is_none()) {
            if (!kpage) {
                page->set_owner(nullptr, owner::ksm);
                page->set(pg::dirty);  // no entry says so any more
                merged = true;
            } else if (detail::same_contents(phys, page, kpage)) {
                merged = detail::replace_by_ksm(mm, v, a, page, kpage, seen);
            }
        }
    }
    unlock_page(head);
    if (merged && kpage) free_swap_if_unmapped(phys, page);
    return merged;
}

/// Effects: the KSM page at `a`, if there is one, is replaced by a copy of this process's own: exclusive, read-only.
/// Requires: the mmap lock for reading; v holds a. Returns: ok, or why it could not be.
template <class P>
[[nodiscard]] fault_result break_ksm(space<P>& mm, vma& v, vaddr a) {
    for (;;) {
        const auto at = mm.tables.find(a, level::pte);
        if (!at.reached(level::pte)) return fault_result::ok;
        const frame<P>* page = normal_page(mm.phys, at.slot->read());
        if (!page || !page->is_ksm()) return fault_result::ok;
        const fault_result r = handle_fault(mm, v, a, ff::unshare | ff::remote);
        if (r != fault_result::ok) return r;
    }
}

}  // namespace pinfold::mm
