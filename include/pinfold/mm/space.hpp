// SPDX-License-Identifier: BSL-1.0
// One address space (an "mm"): a balanced tree of VMAs, the page tables, the mmap lock, and what a pin leaves
// behind in it. Finding, splitting and merging cost O(log n). Source: spec 07 §3.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "file.hpp"
#include "rmap.hpp"
#include "table.hpp"
#include "vma.hpp"

namespace pinfold::mm {

/// What VMAs may know of their space without knowing its profile.
class space_base {
public:
    shared_mutex mmap_lock;
    word64 swap_entries;          ///< pages of this space that are in swap
    word32 fatal_signal;
    std::vector<std::shared_ptr<uffd_context>> userfaults;  ///< requires the mmap lock: closed when the space goes
    // What every lockless walk reads has a line that faults and locks do not write.
    alignas(64) word64 write_protect_seq;  ///< odd while fork write-protects (spec 05 §6)
    word32 has_pinned;                     ///< never cleared (spec 05 §7)

    /// Effects: has_pinned, before the walk: fork must see it. It is written once, not by each pin of each thread.
    PINFOLD_DETAIL_HOT void note_pinned() noexcept {
        if (has_pinned.load() == 0) [[unlikely]]
            has_pinned.store(1);
    }
};

template <class P>
class space : public space_base {
public:
    using page = frame<P>;
    using place = typename page_tables<P>::place;
    using geo = geometry<P::p4d_folded>;
    using tree = std::map<vaddr, vma>;

    explicit space(physical<P>& p) : phys(p), tables(p) {}

    physical<P>& phys;
    page_tables<P> tables;
    page* huge_zero = nullptr;    ///< this mm's reference on the huge zero folio, once it used it
    word32 hugepd_lock;           ///< guards every entry in a hugepd table (spec 04 FP-HUGE-PD)
    spin_lock anon_lock;          ///< which thread gives a VMA its anon_rmap; outside the rmap locks
    spin_lock huge_zero_lock;     ///< guards huge_zero between threads; inside the pmd locks, takes no other

    [[nodiscard]] tree& vmas() noexcept { return vmas_; }
    [[nodiscard]] const tree& vmas() const noexcept { return vmas_; }

    // Everything below. Requires: the mmap lock, for writing where it changes the tree.

    /// Returns: the VMA that holds `a`, or null. Complexity: O(log n).
    [[nodiscard]] vma* find(vaddr a) noexcept {
        auto it = vmas_.upper_bound(a);
        if (it == vmas_.begin()) return nullptr;
        --it;
        return a < it->second.end ? &it->second : nullptr;
    }
    /// Returns: the VMA that holds `a`. Requires: there is one.
    [[nodiscard]] vma& vma_at(vaddr a) noexcept { return (--vmas_.upper_bound(a))->second; }
    /// Returns: the first VMA that ends above `a`, or null.
    [[nodiscard]] vma* find_next(vaddr a) noexcept {
        if (vma* v = find(a)) return v;
        const auto it = vmas_.lower_bound(a);
        return it == vmas_.end() ? nullptr : &it->second;
    }
    [[nodiscard]] bool is_free(vaddr a, std::uint64_t len) noexcept {
        const vma* v = find_next(a);
        return !v || v->start >= a + len;
    }
    /// Returns: a free range, at or above the place where the last search ended; 0 when there is none.
    [[nodiscard]] vaddr find_free(std::uint64_t len, std::uint64_t align) noexcept {
        for (int round = 0; round < 2; ++round) {
            vaddr a = align_up(round == 0 ? search_from_ : lowest, align);
            while (a + len <= geo::user_end && a + len > a) {
                const vma* v = find_next(a);
                if (!v || v->start >= a + len) {
                    search_from_ = a + len;
                    return a;
                }
                a = align_up(v->end, align);
            }
        }
        return 0;
    }

    /// Effects: a VMA as `like` says, in a free range; grown onto a neighbour where nothing tells them apart.
    vma& insert(const vma& like) {
        auto [it, fresh] = vmas_.try_emplace(like.start);
        vma& v = it->second;
        v.start = like.start;
        v.end = like.end;
        v.take_nature_of(like);
        v.owner = this;
        if (v.source) {
            std::lock_guard guard(v.source->lock);
            v.source->attach(v);
        }
        if (anon_rmap* a = like.anon()) a->attach(v);
        return merge(it);
    }

    /// Effects: as insert, but its borders stay as they are.
    vma& insert_apart(const vma& like) {
        const bool before = std::exchange(merging_, false);
        vma& v = insert(like);
        merging_ = before;
        return v;
    }

    /// Effects: v ends `more` bytes later. Requires: they are free.
    void grow(vma& v, std::uint64_t more) {
        set_bounds(v, v.start, v.end + more, v.pgoff);
        merge(vmas_.find(v.start));
    }

    /// Effects: v begins at `start`, further down. Requires: v is private anonymous memory, what is below it is free.
    void grow_down(vma& v, vaddr start) {
        auto node = vmas_.extract(v.start);
        set_bounds(v, start, v.end, v.pgoff - ((v.start - start) >> page_shift));
        node.key() = start;
        vmas_.insert(std::move(node));
    }

    /// Effects: `at` becomes a border. Requires: at lies inside a VMA or nowhere; page aligned.
    void split_at(vaddr at) {
        vma* low = find(at);
        if (!low || low->start == at || !low->may_split(at)) return;
        if ((at & (pmd_size - 1)) != 0 && !low->is_hugetlb()) split_or_drop_pmd(*this, at);  // zap.hpp
        vma& upper = vmas_.try_emplace(at).first->second;
        upper.start = at;
        upper.end = low->end;
        upper.take_nature_of(*low);
        upper.pgoff = low->page_offset(at);
        upper.owner = this;
        const no_walks held(*low);  // once for both: a walk in between would miss the entries of the upper half
        low->end = at;
        if (upper.source) upper.source->attach(upper);
        if (anon_rmap* a = low->anon()) a->link(upper);
    }

    /// Effects: changes flags of [from, to) and merges. Requires: no hole in the range is touched.
    template <class Change>
    void update(vaddr from, vaddr to, Change change) {
        split_at(from);
        split_at(to);
        for (auto it = vmas_.lower_bound(from); it != vmas_.end() && it->second.start < to; ++it) change(it->second);
        auto it = vmas_.lower_bound(from);
        while (it != vmas_.end() && it->second.start <= to) {
            const vaddr next = it->second.end;
            merge(it);
            it = vmas_.lower_bound(next);
        }
    }

    /// Effects: takes one VMA out of the tree, its rmaps and its file. Requires: its entries are gone.
    void erase(vma& v) {
        anon_rmap::detach(v);
        if (v.source) {
            std::lock_guard guard(v.source->lock);
            v.source->detach(v);
        }
        vmas_.erase(v.start);
    }

    /// Returns: the anon-rmap object of v, made or shared with a neighbour it could merge with. Requires: the mmap
    /// lock for reading.
    anon_rmap& anon_of(vma& v) {
        if (anon_rmap* a = v.anon()) return *a;
        std::lock_guard guard(anon_lock);
        if (anon_rmap* a = v.anon()) return *a;
        anon_rmap* a = nullptr;
        auto it = vmas_.find(v.start);
        if (it != vmas_.begin() && may_merge(std::prev(it)->second, v)) a = std::prev(it)->second.anon();
        if (!a && std::next(it) != vmas_.end() && may_merge(v, std::next(it)->second)) a = std::next(it)->second.anon();
        if (!a) a = &phys.rmaps.take();
        a->attach(v);
        return *a;
    }

private:
    static constexpr vaddr lowest = vaddr{1} << 28;

    static bool may_merge(const vma& a, const vma& b) noexcept {
        return a.end == b.start && a.flags == b.flags && a.kind == b.kind && a.source == b.source &&
               a.node == b.node && a.keyed == b.keyed && a.watcher == b.watcher && a.kind != vma_kind::driver &&
               !a.is_hugetlb() &&
               a.pgoff + a.pages() == b.pgoff && (!a.anon() || !b.anon() || a.anon() == b.anon());
    }
    /// Bounds and trees are read by rmap walks, which hold no mmap lock: for a scope, no walk comes to v or its kin, and
    /// v is in no tree.
    class no_walks {
    public:
        explicit no_walks(vma& v) : v_(v) {
            if (v.source) {
                file_ = std::unique_lock(v.source->lock);
                v.source->mappings.erase(v);
            }
            if (anon_rmap* a = v.anon()) {
                family_ = std::unique_lock(a->lock);
                a->take_out(v);
            }
        }
        ~no_walks() {
            if (anon_rmap* a = v_.anon()) a->put_back(v_);
            if (v_.source) v_.source->mappings.put_back(v_);
        }
        no_walks(const no_walks&) = delete;
        no_walks& operator=(const no_walks&) = delete;

    private:
        vma& v_;
        std::unique_lock<mutex> file_;
        std::unique_lock<spin_lock> family_;
    };
    static void set_bounds(vma& v, vaddr start, vaddr end, std::uint64_t pgoff) {
        const no_walks held(v);
        v.start = start;
        v.end = end;
        v.pgoff = pgoff;
    }
    vma& merge(typename tree::iterator it) {
        if (!merging_) return it->second;
        if (const auto next = std::next(it); next != vmas_.end() && may_merge(it->second, next->second)) {
            absorb(it->second, next->second);
        }
        if (it != vmas_.begin()) {
            const auto prev = std::prev(it);
            if (may_merge(prev->second, it->second)) {
                absorb(prev->second, it->second);
                return prev->second;
            }
        }
        return it->second;
    }
    void absorb(vma& low, vma& high) {
        if (!low.anon() && high.anon()) high.anon()->attach(low);
        {
            const no_walks held(low);  // once for both: the entries of the upper half are found all the time
            low.end = high.end;
            if (high.source) high.source->detach(high);
            if (anon_rmap* a = high.anon()) a->unlink(high);  // low's too
        }
        vmas_.erase(high.start);
    }

    tree vmas_;
    vaddr search_from_ = lowest;
    bool merging_ = true;
};

}  // namespace pinfold::mm
