// SPDX-License-Identifier: BSL-1.0
// ksmd: scans mergeable memory for pages with equal contents and makes them one. A page must have stood still since
// the last scan; what has an equal KSM page joins it, what has an equal candidate of this scan becomes one with it.
// Source: spec 07 §14, spec 10 §17.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

#include "grab.hpp"
#include "ksm_merge.hpp"

namespace pinfold::mm {

template <class P>
class ksm_daemon {
public:
    using page = frame<P>;
    static constexpr std::size_t max_sharing = 256;  ///< places of one KSM page; more make another one

    explicit ksm_daemon(physical<P>& phys) : phys_(phys) {}
    ksm_daemon(const ksm_daemon&) = delete;
    ksm_daemon& operator=(const ksm_daemon&) = delete;

    /// Effects: n full scans.
    void run(unsigned n) {
        std::lock_guard guard(lock_);
        for (unsigned i = 0; i < n; ++i) scan();
    }
    /// Effects: forgets a space that is about to go.
    void forget(space_base* s) {
        phys_.mergeable.leave(s);
        std::lock_guard guard(lock_);
        const auto it = items_.find(s);
        if (it == items_.end()) return;
        for (auto& [a, i] : it->second) take_out(i);
        items_.erase(it);
    }

private:
    /// One page-sized place of mergeable memory.
    struct item {
        space<P>* mm = nullptr;
        vaddr a = 0;
        std::uint64_t checksum = 0;
        ksm_node* node = nullptr;  ///< the KSM page it was merged into
        bool candidate = false;    ///< in unstable_
        unsigned age = 0;
        unsigned skips = 0;
    };

    // ---- the scan ------------------------------------------------------------------------------------------
    void scan() {
        phys_.lru_drain_all();  // a batch's reference would look like somebody else's
        for (auto& [sum, i] : unstable_) i->candidate = false;
        unstable_.clear();
        for (space_base* s : phys_.mergeable.list()) scan_space(*static_cast<space<P>*>(s));
    }

    void scan_space(space<P>& mm) {
        auto& known = items_[&mm];
        vaddr next = 0;
        for (;;) {
            page* p = nullptr;
            const vaddr a = next_page(mm, next, p);
            drop_items(known, next, p ? a : ~vaddr{0});  // nothing is there any more
            if (!p) return;
            item& i = known.try_emplace(a).first->second;
            i.mm = &mm;
            i.a = a;
            if (!rests(i, p)) look_at(i, p);
            phys_.drop(phys_.head(p), holder::temporary);
            next = a + page_size;
        }
    }
    void drop_items(std::map<vaddr, item>& known, vaddr from, vaddr to) {
        for (auto it = known.lower_bound(from); it != known.end() && it->first < to; it = known.erase(it))
            take_out(it->second);
    }

    /// Returns: the first address from `from` on with an anonymous page in a mergeable VMA; p has a reference.
    [[nodiscard]] vaddr next_page(space<P>& mm, vaddr from, page*& p) {
        using geo = geometry<P::p4d_folded>;
        std::shared_lock lock(mm.mmap_lock);
        for (vma* v = mm.find_next(from); v; v = mm.find_next(v->end)) {
            if (!v->has(vm::mergeable) || !v->anon()) continue;
            for (vaddr a = std::max(from, v->start); a < v->end;) {
                const auto at = mm.tables.find(a, level::pte);
                if ((p = page_at(at, a))) return a;
                a = align_down(a, geo::span(at.at)) + geo::span(at.at);
            }
        }
        return 0;
    }
    [[nodiscard]] page* page_at(const typename space<P>::place& at, vaddr a) {
        if (!at.slot->read().is_leaf()) return nullptr;
        word_guard lock(at.lock());
        const entry e = at.slot->read();
        page* p = normal_page(phys_, e);
        if (!p || phys_.is_huge_zero(phys_.head(p)) || !phys_.is_anonymous(p)) return nullptr;
        if (at.at != level::pte) p = phys_.nth(p, (a & (pmd_size - 1)) >> page_shift);
        phys_.hold(phys_.head(p), holder::temporary);
        return p;
    }

    /// A KSM page with a node; one that was not joined by its partner has none, and is undone.
    [[nodiscard]] static bool is_placed(const page* p) noexcept {
        return p->is_ksm() && p->template owner_as<ksm_node>() != nullptr;
    }
    /// A page that found no partner for some scans is looked at less often.
    [[nodiscard]] bool rests(item& i, const page* p) {
        if (is_placed(p)) return false;
        const unsigned age = i.age++;
        if (age < 3) return false;
        if (i.skips == 0) {
            i.skips = age <= 3 ? 1 : age <= 5 ? 2 : age <= 8 ? 4 : 8;
            return false;
        }
        --i.skips;
        take_out(i);
        return true;
    }

    void look_at(item& i, page* p) {
        if (is_placed(p)) {
            if (i.node && p->template owner_as<ksm_node>() == i.node) return;
        } else {
            take_out(i);
            const std::uint64_t sum = checksum(p);
            if (i.checksum != sum) {  // it is being written to
                i.checksum = sum;
                return;
            }
        }
        if (page* k = stable_page(i, p)) {
            take_out(i);
            if (merge(i, p, k)) append(i, *k->template owner_as<ksm_node>());
            phys_.drop(k, holder::temporary);
            return;
        }
        take_out(i);
        page* other = nullptr;
        item* partner = find_candidate(i, p, other);
        if (!partner) return;
        const bool one_folio = phys_.head(p) == phys_.head(other);
        pair(i, p, *partner, other);
        phys_.drop(phys_.head(other), holder::temporary);
        if (one_folio) split_for(p);  // each page's reference kept the other from it; the next scan merges
    }
    void split_for(page* p) {
        page* head = phys_.head(p);
        if (!head->is(pg::large) || !try_lock_page(head)) return;
        (void)split_folio(phys_, head, p);
        unlock_page(phys_.head(p));  // of p itself, when it was split off
    }

    /// The page looked at becomes the KSM page, and the earlier one joins it. Where that one is held by somebody,
    /// the new KSM page is undone: a copy, exclusive again (spec 10 §17).
    void pair(item& i, page* p, item& partner, page* other) {
        if (!merge(i, p, nullptr)) return;
        if (!merge(partner, other, p)) {
            with_vma(i, [&](vma& v) { return break_ksm(*i.mm, v, i.a) == fault_result::ok; });
            return;
        }
        ksm_node& n = new_node(p);
        append(partner, n);
        append(i, n);
    }

    // ---- KSM pages -----------------------------------------------------------------------------------------
    /// Returns: a KSM page with these contents and room for one more place, with a reference; null if there is none.
    [[nodiscard]] page* stable_page(const item& i, page* p) {
        if (is_placed(p)) {  // a child by fork shows it
            phys_.hold(p, holder::temporary);
            return p;
        }
        auto [it, end] = stable_.equal_range(i.checksum);
        while (it != end) {
            ksm_node* n = it->second;
            page* k = page_of(*n);
            if (!k) {
                n->places.clear();
                spare_nodes_.push_back(n);
                it = stable_.erase(it);
                continue;
            }
            if (n->places.size() < max_sharing && detail::same_contents(phys_, p, k)) return k;
            phys_.drop(k, holder::temporary);
            ++it;
        }
        return nullptr;
    }
    /// Returns: whether it is the node's page even so. Whoever moves it has either seen this reference or is done: it
    /// has the page lock all the way. Requires: a reference.
    [[nodiscard]] static bool stays(page* k, const ksm_node& n) noexcept {
        const page_lock_guard lock(k);
        return k->is_ksm() && k->template owner_as<ksm_node>() == &n;
    }
    /// Returns: the node's page with a reference, or null when it is gone: the node holds none.
    [[nodiscard]] page* page_of(const ksm_node& n) {
        for (;;) {
            const std::int64_t where = n.where.load_acquire();
            if (page* k = hold_page_of(n, phys_.at(pfn{static_cast<std::uint64_t>(where)}))) return k;
            word64::full_fence();
            if (n.where.load() == where) return nullptr;  // else it has only moved
        }
    }
    [[nodiscard]] page* hold_page_of(const ksm_node& n, page* k) {
        if (!k->is_ksm() || k->template owner_as<ksm_node>() != &n) return nullptr;
        if (!grab_speculative(phys_, k, 1, foll::get)) return nullptr;
        phys_.pass(k, holder::get, holder::temporary);
        if (k->is_ksm() && k->template owner_as<ksm_node>() == &n && stays(k, n)) return k;
        phys_.drop(k, holder::temporary);
        return nullptr;
    }
    ksm_node& new_node(page* k) {
        ksm_node* n = nullptr;
        if (spare_nodes_.empty()) {
            n = &nodes_.emplace_back();
        } else {
            n = spare_nodes_.back();
            spare_nodes_.pop_back();
        }
        n->where.store(static_cast<std::int64_t>(phys_.number(k).n));
        k->set_owner(n, owner::ksm);
        stable_.emplace(checksum(k), n);
        return *n;
    }
    void append(item& i, ksm_node& n) {
        i.node = &n;
        with_vma(i, [&](vma& v) {
            n.add({v.anon(), v.page_offset(i.a), &i});
            return true;
        });
    }
    void take_out(item& i) {
        if (i.node) i.node->remove(&i);
        i.node = nullptr;
        if (!i.candidate) return;
        for (auto [it, end] = unstable_.equal_range(i.checksum); it != end; ++it)
            if (it->second == &i) {
                unstable_.erase(it);
                break;
            }
        i.candidate = false;
    }

    // ---- candidates ----------------------------------------------------------------------------------------
    /// Returns: an earlier item of this scan with an equal page (`other`, with a reference); else i is one now.
    [[nodiscard]] item* find_candidate(item& i, page* p, page*& other) {
        for (auto [it, end] = unstable_.equal_range(i.checksum); it != end; ++it) {
            item& c = *it->second;
            page* q = nullptr;
            with_vma(c, [&](vma&) {
                q = page_at(c.mm->tables.find(c.a, level::pte), c.a);
                return true;
            });
            if (!q) continue;
            if (q != p && detail::same_contents(phys_, p, q)) {
                other = q;
                return &c;
            }
            const bool forked = q == p;  // one page, shown twice
            phys_.drop(phys_.head(q), holder::temporary);
            if (forked) return nullptr;
        }
        unstable_.emplace(i.checksum, &i);
        i.candidate = true;
        return nullptr;
    }

    [[nodiscard]] bool merge(item& i, page* p, page* k) {
        return with_vma(i, [&](vma& v) {
            const bool merged = merge_one_page(*i.mm, v, i.a, p, k);
            if (merged) take_out(i);
            return merged;
        });
    }
    /// Returns: what use(vma) says; false where the place is no longer mergeable.
    template <class Use>
    bool with_vma(const item& i, Use use) {
        std::shared_lock lock(i.mm->mmap_lock);
        vma* v = i.mm->find(i.a);
        return v && v->has(vm::mergeable) && v->anon() && use(*v);
    }

    [[nodiscard]] std::uint64_t checksum(const page* p) const noexcept {
        const auto* w = reinterpret_cast<const std::uint64_t*>(phys_.data.bytes(phys_.number(p)));
        std::uint64_t sum = 0xcbf29ce484222325U;
        for (std::uint64_t i = 0; i < page_size / 8; ++i) sum = (sum ^ __atomic_load_n(w + i, __ATOMIC_RELAXED)) * 0x100000001b3U;
        return sum | 1;
    }

    physical<P>& phys_;
    mutex lock_;  ///< one scan at a time; outside every other lock
    std::unordered_map<space_base*, std::map<vaddr, item>> items_;
    std::unordered_multimap<std::uint64_t, ksm_node*> stable_;
    std::unordered_multimap<std::uint64_t, item*> unstable_;
    std::deque<ksm_node> nodes_;
    std::vector<ksm_node*> spare_nodes_;
};

}  // namespace pinfold::mm
