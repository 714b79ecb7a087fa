// SPDX-License-Identifier: BSL-1.0
// The pools huge pages live in. A pool's page is dead while it is free and goes back to the pool, not to the buddy,
// when its last reference or pin goes. Terms: reserved, pages promised to mappings and not handed out yet; surplus,
// pages beyond the size that was asked for. Source: spec 07 §9 B19, spec 10 §13.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ledger.hpp"
#include "request.hpp"
#include "zone.hpp"

namespace pinfold::mm {

inline constexpr unsigned pud_order = 2 * table_bits;

/// A pool of pages of 2^order frames. Sizes no page-table level has are for profiles with hugepd tables.
struct huge_pool_size {
    unsigned order = pmd_order;
    std::uint64_t pages = 0;
};

/// What the counters of a pool show. `reserved` may be one too low while a pin holds an unmapped page (NR-6).
struct pool_state {
    std::int64_t pages = 0, free = 0, reserved = 0, surplus = 0;
};

/// Phys offers take_block(order, request), give_block(page*, order), suits(page*, request), nth, number, note and data.
template <class P, class Phys>
class hugetlb_pool {
public:
    using page = frame<P>;

    hugetlb_pool(Phys& phys, unsigned order) : phys_(phys), order_(order) {}
    hugetlb_pool(const hugetlb_pool&) = delete;
    hugetlb_pool& operator=(const hugetlb_pool&) = delete;

    [[nodiscard]] unsigned order() const noexcept { return order_; }
    [[nodiscard]] std::uint64_t page_bytes() const noexcept { return page_size << order_; }
    [[nodiscard]] bool is_gigantic() const noexcept { return order_ > max_order; }

    [[nodiscard]] pool_state state() noexcept {
        std::lock_guard guard(lock_);
        return {pages_, static_cast<std::int64_t>(free_.size()), reserved_, surplus_};
    }

    /// Effects: as many pages as asked for, or as near as memory and use allow: pages in use or reserved stay, as
    /// surplus. Returns: the size reached.
    std::int64_t resize(std::int64_t wanted) {
        std::lock_guard guard(lock_);
        while (surplus_ > 0 && pages_ - surplus_ < wanted) --surplus_;
        while (pages_ - surplus_ < wanted && grow()) {
        }
        const auto unused = [&] { return static_cast<std::int64_t>(free_.size()) - std::max<std::int64_t>(reserved_, 0); };
        while (pages_ - surplus_ > wanted && unused() > 0) shrink();
        while (pages_ - surplus_ > wanted && surplus_ < pages_) ++surplus_;
        return pages_;
    }
    /// Returns: false for gigantic pages: the buddy cannot make them when they are needed.
    bool set_overcommit(std::int64_t n) {
        if (is_gigantic()) return false;
        std::lock_guard guard(lock_);
        overcommit_ = n;
        return true;
    }

    /// Effects: promises n pages; surplus ones are made where the rest is not enough. Returns: false, nothing done.
    [[nodiscard]] bool reserve(std::int64_t n) {
        std::lock_guard guard(lock_);
        const std::int64_t surplus = surplus_;
        while (static_cast<std::int64_t>(free_.size()) < reserved_ + n) {
            if (surplus_ < overcommit_ && grow()) {
                ++surplus_;
                continue;
            }
            while (surplus_ > surplus) {
                shrink();
                --surplus_;
            }
            return false;
        }
        reserved_ += n;
        return true;
    }
    /// Effects: takes promises back; as many surplus pages go.
    void unreserve(std::int64_t n) {
        std::lock_guard guard(lock_);
        reserved_ -= n;
        for (; n > 0 && surplus_ > 0 && !free_.empty(); --n, --surplus_) shrink();
    }

    /// Effects: hands a zeroed page out, one reference (holder: hand-out). `promised`: against a reservation; else
    /// only what is promised to nobody is given, or a surplus page. `node`: this one or none; -1, best the first.
    /// Returns: null when there is none. A promise names no node: it may be good for nothing.
    [[nodiscard]] page* take(bool promised, int node = -1) {
        page* head = nullptr;
        {
            std::lock_guard guard(lock_);
            auto chosen = promised || static_cast<std::int64_t>(free_.size()) > reserved_ ? nearest(node) : free_.end();
            if (chosen == free_.end()) {
                if (surplus_ >= overcommit_ || !grow(node)) return nullptr;
                ++surplus_;
                chosen = std::prev(free_.end());
            }
            if (promised) --reserved_;
            head = *chosen;
            free_.erase(chosen);
        }
        hand_out(head);
        return head;
    }

    /// Effects: hands a page out for the contents of one that moves: a free one that is promised to nobody and stands
    /// right, or, if the buddy can make one, a page beside the pool, marked isolated: moved() settles whose place it
    /// has. One reference (holder: hand-out). Returns: null when there is none.
    [[nodiscard]] page* take_to_move(const request& where) {
        page* head = nullptr;
        {
            std::lock_guard guard(lock_);
            if (static_cast<std::int64_t>(free_.size()) > reserved_) {
                const auto it = std::find_if(free_.rbegin(), free_.rend(), [&](page* p) { return phys_.suits(p, where); });
                if (it != free_.rend()) {
                    head = *it;
                    free_.erase(std::next(it).base());
                }
            }
        }
        const bool beside = !head;
        if (!head && !is_gigantic()) head = phys_.take_block(order_, where);
        if (!head) return nullptr;
        hand_out(head);
        if (beside) head->set(pg::isolated);
        return head;
    }
    /// Effects: `to` is what `from` was in this pool. Requires: take_to_move gave `to`; `from` is isolated.
    void moved(page* from, page* to) noexcept {
        if (!to->clear(pg::isolated)) from->clear(pg::isolated);  // both are the pool's own
    }

    /// Effects: a page whose count reached zero is the pool's again; the caller alone owned it.
    void give(page* head) {
        if (head->is(pg::isolated)) {  // its place in the pool is another page's, or never was its own
            const std::lock_guard guard(lock_);
            head->mapping.store(0);
            head->index = 0;
            return dissolve(head);
        }
        const bool promised = head->is(pg::restore_reserve);
        head->mapping.store(0);
        head->index = 0;
        constexpr std::int64_t gone = page::bit(pg::restore_reserve) | page::bit(pg::exclusive) |
                                      page::bit(pg::referenced) | page::bit(pg::uptodate);
        head->change(0, gone);  // the dirty mark stays (spec 10 §3)
        std::lock_guard guard(lock_);
        if (promised) ++reserved_;
        if (head->is(pg::hwpoison)) {  // never handed out again; what has not failed in it is free
            if (surplus_ > 0) --surplus_;
            --pages_;
            dissolve(head);
        } else if (surplus_ > 0) {
            --surplus_;
            --pages_;
            dissolve(head);
        } else {
            free_.push_back(head);
        }
    }

    /// Effects: if frame n is part of a page that is free here, that page leaves the pool and all its frames but n are
    /// free memory. Returns: whether it was.
    bool withdraw(pfn n) {
        std::lock_guard guard(lock_);
        const auto it = std::find_if(free_.begin(), free_.end(), [&](page* head) {
            const pfn first = phys_.number(head);
            return n >= first && n < first + (std::uint64_t{1} << order_);
        });
        if (it == free_.end()) return false;
        page* head = *it;
        free_.erase(it);
        --pages_;
        phys_.at(n)->set(pg::hwpoison);
        dissolve(head);
        return true;
    }

private:
    void hand_out(page* head) {
        if (!head->is(pg::hugetlb)) form(head);
        for (std::uint64_t k = 0; k < head->pages(); ++k) {
            page* t = phys_.nth(head, k);
            ++t->generation;
            if (t->is(pg::written)) phys_.data.zero(*t, phys_.number(t));
        }
        phys_.note(head, holder::hand_out, 1);
        head->count.init(1);  // last: whoever sees it live sees the layout
    }

    // Everything below: requires lock_.
    [[nodiscard]] auto nearest(int node) {
        const request here{.node = std::max(node, 0), .exact = true};
        const auto it = std::find_if(free_.rbegin(), free_.rend(), [&](page* p) { return phys_.suits(p, here); });
        if (it != free_.rend()) return std::next(it).base();
        return node < 0 && !free_.empty() ? std::prev(free_.end()) : free_.end();
    }
    bool grow(int node = -1) {
        page* block = phys_.take_block(order_, {.movable = false, .node = node, .exact = node >= 0});
        if (!block) return false;
        free_.push_back(block);
        ++pages_;
        return true;
    }
    void shrink() {
        page* head = free_.back();
        free_.pop_back();
        --pages_;
        dissolve(head);
    }

    /// A block becomes one folio when it is first needed: a gigantic pool costs nothing until then.
    void form(page* head) {
        const std::int64_t identity = phys_.zone_of(phys_.number(head)).identity();
        head->be_born_dead();  // first: from its tails on others find it
        for (std::uint64_t k = 1; k < (std::uint64_t{1} << order_); ++k) {
            page* t = phys_.nth(head, k);
            t->be_born_dead();
            t->flags.store(identity | (t->flags.load() & page::bit(pg::written)));
            frame_policy<P>::head::make_tail(*t, *head);
        }
        head->flags.store(identity | order_ | page::bit(pg::large) | page::bit(pg::hugetlb) |
                          (head->flags.load() & page::bit(pg::written)));
    }
    void dissolve(page* head) {
        std::vector<pfn> failed;
        for (std::uint64_t k = 0; k < (std::uint64_t{1} << order_); ++k)
            if (page* t = phys_.nth(head, k); t->is(pg::hwpoison)) failed.push_back(phys_.number(t));
        if (head->is(pg::hugetlb)) {
            constexpr std::int64_t kept = page::bit(pg::written);
            for (std::uint64_t k = 0; k < (std::uint64_t{1} << order_); ++k) {
                page* t = phys_.nth(head, k);
                t->link.store(0);
                t->flags.store(t->flags.load() & kept);
            }
        }
        phys_.give_block(head, order_);
        for (const pfn n : failed)
            if (phys_.zone_of(n).take_off(n)) phys_.at(n)->set(pg::hwpoison);
    }

    Phys& phys_;
    const unsigned order_;
    spin_lock lock_;
    std::vector<page*> free_;  ///< dead; formed when they have been in use
    std::int64_t pages_ = 0, reserved_ = 0, surplus_ = 0, overcommit_ = 0;
};

/// The pools of one machine, by order, and the locks that serialise faults of one huge page.
template <class P, class Phys>
class hugetlb_pools {
public:
    using page = frame<P>;
    using pool = hugetlb_pool<P, Phys>;

    /// Effects: a pool for each of `sizes`, and for those of the page-table levels in any case.
    void set_up(Phys& phys, const std::vector<huge_pool_size>& sizes) {
        for (const unsigned order : {pmd_order, pud_order}) pools_.push_back(std::make_unique<pool>(phys, order));
        for (const huge_pool_size& s : sizes) {
            if (!of(s.order)) pools_.push_back(std::make_unique<pool>(phys, s.order));
            of(s.order)->resize(static_cast<std::int64_t>(s.pages));
        }
    }
    /// Returns: the pool, or null: there are no pages of this order.
    [[nodiscard]] pool* of(unsigned order) noexcept {
        for (auto& p : pools_)
            if (p->order() == order) return p.get();
        return nullptr;
    }
    void give(page* head) { of(head->order())->give(head); }
    /// Returns: whether frame n was free in one of the pools; see hugetlb_pool::withdraw.
    bool withdraw(pfn n) {
        for (auto& p : pools_)
            if (p->withdraw(n)) return true;
        return false;
    }

    /// Held during a fault at huge page `index` of `f`: two faults never take two pages for one place.
    [[nodiscard]] mutex& fault_mutex(const void* f, std::uint64_t index) noexcept {
        return fault_mutexes_[(reinterpret_cast<std::uintptr_t>(f) / 64 + index) % (sizeof fault_mutexes_ / sizeof *fault_mutexes_)];
    }

private:
    std::vector<std::unique_ptr<pool>> pools_;
    mutex fault_mutexes_[64];
};

}  // namespace pinfold::mm
