// SPDX-License-Identifier: BSL-1.0
// From a page to the entries that map it: the anon-rmap object with its VMAs, and the mapcounts. The counts here
// start at 0 (Linux stores one less), so untouched descriptors are unmapped. Source: spec 02 §6.
#pragma once

#include <cstdint>
#include <mutex>

#include "frame.hpp"
#include "vma.hpp"

namespace pinfold::mm {

/// The VMAs that may map an anonymous page: those it was faulted in and their children by fork.
class anon_rmap {
public:
    void attach(vma& v) noexcept {
        std::lock_guard guard(lock);
        v.anon_prev = nullptr;
        v.anon_next = first_;
        if (first_) first_->anon_prev = &v;
        first_ = &v;
        v.anon_.publish(reinterpret_cast<std::intptr_t>(this));
    }
    /// Effects: v is no longer asked. Destroys the object with its last VMA.
    static void detach(vma& v) noexcept {
        anon_rmap* self = v.anon();
        if (!self) return;
        bool last = false;
        {
            std::lock_guard guard(self->lock);
            if (v.anon_prev) v.anon_prev->anon_next = v.anon_next;
            else self->first_ = v.anon_next;
            if (v.anon_next) v.anon_next->anon_prev = v.anon_prev;
            v.anon_next = v.anon_prev = nullptr;
            v.anon_.publish(0);
            last = self->first_ == nullptr;
        }
        if (last) delete self;
    }
    /// Effects: calls visit(vma&, vaddr) for each VMA that covers any of `n` pages from offset `index`; the address
    /// is that of `index`, which may lie before the VMA. Requires: `lock`.
    template <class Visit>
    void each_overlapping(std::uint64_t index, std::uint64_t n, Visit visit) {
        for (vma* v = first_; v; v = v->anon_next)
            if (index < v->pgoff + v->pages() && index + n > v->pgoff) visit(*v, v->address_of(index));
    }

    spin_lock lock;  ///< outside the page-table locks (spec 07 §18); also guards the bounds of the VMAs in it

private:
    vma* first_ = nullptr;
};

// ---- mapcounts: one unit per entry. Requires: the page-table lock of that entry. -------------------------------

template <class P>
void map_pte(frame<P>* page, frame<P>* head, std::int32_t n = 1) noexcept {
    page->mapcount.adjust(n);
    if (head->is(pg::large)) head->large.adjust(n);
}
/// Returns: whether nothing maps the folio any more.
template <class P>
bool unmap_pte(frame<P>* page, frame<P>* head) noexcept {
    const bool none = page->mapcount.drop(1);
    return head->is(pg::large) ? head->large.drop(1) : none;
}
template <class P>
void map_huge(frame<P>* head) noexcept {
    head->entire.adjust(1);
    head->large.adjust(1);
}
template <class P>
bool unmap_huge(frame<P>* head) noexcept {
    head->entire.adjust(-1);
    return head->large.drop(1);
}
/// Returns: entries that map any part of the folio.
template <class P>
[[nodiscard]] std::int32_t folio_mapcount(const frame<P>* head) noexcept {
    return head->is(pg::large) ? head->large.load() : head->mapcount.load();
}
/// Returns: entries that map this very page.
template <class P>
[[nodiscard]] std::int32_t page_mapcount(const frame<P>* page, const frame<P>* head) noexcept {
    return page->mapcount.load() + (head->is(pg::large) ? head->entire.load() : 0);
}

}  // namespace pinfold::mm
