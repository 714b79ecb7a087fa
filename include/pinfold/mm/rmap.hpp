// SPDX-License-Identifier: BSL-1.0
// From a page to the entries that map it: the anon-rmap object with its VMAs, and the mapcounts. The counts here
// start at 0 (Linux stores one less), so untouched descriptors are unmapped. Source: spec 02 §6.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>

#include "frame.hpp"
#include "vma_tree.hpp"

namespace pinfold::mm {

class anon_rmap_pool;

/// The VMAs that may map an anonymous page: those it was faulted in and their children by fork.
/// The objects of a machine live as long as it does and are used again: a page may still point to one that its last
/// VMA has left, and a walk that starts there is safe and finds nothing.
class anon_rmap {
public:
    explicit anon_rmap(anon_rmap_pool& home) noexcept : home_(home) {}
    anon_rmap(const anon_rmap&) = delete;
    anon_rmap& operator=(const anon_rmap&) = delete;

    /// Effects: v is asked too, after all that begin with the same page: a walk sees a parent before the child that
    /// copies from it, so that what it changed in neither place was copied changed (fork against migration).
    void attach(vma& v) noexcept {
        std::lock_guard guard(lock);
        link(v);
    }
    /// The same. Requires: `lock`.
    void link(vma& v) noexcept {
        vmas_.insert(v);
        v.anon_.publish(reinterpret_cast<std::intptr_t>(this));
    }
    /// Effects: v is no longer asked. With its last VMA the object goes back to its pool.
    static void detach(vma& v) noexcept {
        anon_rmap* self = v.anon();
        if (!self) return;
        bool last = false;
        {
            std::lock_guard guard(self->lock);
            self->unlink(v);
            last = self->vmas_.empty();
        }
        if (last) give_back(self);
    }
    /// Effects: v is no longer asked. Requires: `lock`; v is attached here. An object without VMAs is the
    /// caller's to give back.
    void unlink(vma& v) noexcept {
        vmas_.erase(v);
        v.anon_.publish(0);
    }
    /// Effects: v, which stays attached, is out of the way while its pages change. Requires: `lock`, until it is back.
    void take_out(vma& v) noexcept { vmas_.erase(v); }
    void put_back(vma& v) noexcept { vmas_.put_back(v); }
    /// Effects: calls visit(vma&, vaddr) for each VMA that covers any of `n` pages from offset `index`; the address
    /// is that of `index`, which may lie before the VMA. Requires: `lock`. Complexity: O(log n), and each of these.
    void each_overlapping(std::uint64_t index, std::uint64_t n, function_ref<void(vma&, vaddr)> visit) {
        vmas_.each_overlapping(index, n, [&](vma& v) { visit(v, v.address_of(index)); });
    }

    spin_lock lock;  ///< outside the page-table locks (spec 07 §18); also guards the bounds of the VMAs in it

private:
    friend class anon_rmap_pool;
    static void give_back(anon_rmap* self) noexcept;

    anon_rmap_pool& home_;
    vma_tree<&vma::in_family> vmas_;
    anon_rmap* next_free_ = nullptr;
};

/// Makes and keeps the anon_rmap objects of one machine.
class anon_rmap_pool {
public:
    [[nodiscard]] anon_rmap& take() {
        std::lock_guard guard(lock_);
        if (anon_rmap* a = free_) {
            free_ = a->next_free_;
            return *a;
        }
        return all_.emplace_back(*this);
    }

private:
    friend class anon_rmap;
    spin_lock lock_;
    std::deque<anon_rmap> all_;
    anon_rmap* free_ = nullptr;
};

inline void anon_rmap::give_back(anon_rmap* self) noexcept {
    std::lock_guard guard(self->home_.lock_);
    self->next_free_ = self->home_.free_;
    self->home_.free_ = self;
}

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
/// A locked VMA marks what it maps and takes the mark away with the entry. A large folio is not marked so: whether the
/// VMA has all of it is not known here. Source: spec 10 §3.
template <class P>
void mlock_mapped(const vma& v, frame<P>* head) noexcept {
    if (v.has(vm::locked) && !head->is(pg::large) && !head->is(pg::mlocked)) head->set(pg::mlocked);
}
template <class P>
void munlock_unmapped(const vma& v, frame<P>* head) noexcept {
    if (v.has(vm::locked) && head->is(pg::mlocked)) head->clear(pg::mlocked);
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
