// SPDX-License-Identifier: BSL-1.0
// One zone of one node: its frames and their free lists, a buddy allocator of orders 0 to 10 per migrate type.
// Blocks beyond the frontier have never been handed out and have no list entry, so that starting a machine costs
// nothing per frame. A free frame is dead, or was never handed out and is still all zero:
// it is born dead when it is prepared. Source: spec 07 §1.
#pragma once

#include <cstdint>
#include <mutex>

#include "arena.hpp"
#include "frame.hpp"

namespace pinfold::mm {

enum class migrate_type : unsigned char { movable, unmovable, reclaimable, cma, isolate };
inline constexpr unsigned migrate_types = 5;

/// The migrate type of each 2 MiB block of frames; untouched memory is movable.
class block_types {
public:
    explicit block_types(std::uint64_t frames) : store_((frames >> pmd_order) + 1) {}
    [[nodiscard]] migrate_type of(pfn n) const noexcept {
        return static_cast<migrate_type>(__atomic_load_n(at(n), __ATOMIC_RELAXED));
    }
    void set(pfn n, migrate_type t) noexcept {
        __atomic_store_n(at(n), static_cast<unsigned char>(t), __ATOMIC_RELAXED);
    }

private:
    [[nodiscard]] unsigned char* at(pfn n) const noexcept {
        return reinterpret_cast<unsigned char*>(store_.data()) + (n.n >> pmd_order);
    }
    arena store_;
};

template <class P>
class zone {
public:
    using page = frame<P>;
    using memmap = typename P::memmap::template of<page>;

    /// Requires: first and last are multiples of the largest block.
    void set_up(zone_kind kind, unsigned node, unsigned machine, pfn first, pfn last, memmap& map, block_types& types) {
        identity_ = page::identity(kind, node, machine, 0);
        first_ = frontier_ = first;
        last_ = last;
        map_ = &map;
        types_ = &types;
        free_ = last - first;
    }

    [[nodiscard]] bool holds(pfn n) const noexcept { return n >= first_ && n < last_; }
    [[nodiscard]] pfn first() const noexcept { return first_; }
    [[nodiscard]] pfn last() const noexcept { return last_; }
    [[nodiscard]] pfn frontier() const noexcept { return frontier_; }
    [[nodiscard]] std::uint64_t free_pages() noexcept {
        std::lock_guard lock(lock_);
        return free_;
    }
    [[nodiscard]] std::int64_t identity() const noexcept { return identity_; }

    /// Returns: the first descriptor of a block of 2^order frames, free until now, or null. `may_use_cma`: movable ones
    /// fall back on CMA memory.
    page* take(unsigned order, migrate_type type, bool may_use_cma = true) noexcept {
        std::lock_guard lock(lock_);
        page* block = take_locked(order, type, may_use_cma);
        if (block) free_ -= std::uint64_t{1} << order;
        return block;
    }
    /// The same from the free blocks of this type alone.
    page* take_only(unsigned order, migrate_type type) noexcept {
        std::lock_guard lock(lock_);
        page* block = pop(order, type);
        if (block) free_ -= std::uint64_t{1} << order;
        return block;
    }

    /// Effects: gives a dead block back and merges it with its free buddies.
    void give(page* block, unsigned order) noexcept {
        std::lock_guard lock(lock_);
        free_ += std::uint64_t{1} << order;
        pfn n = map_->number(block);
        const migrate_type type = types_->of(n);
        for (; order < max_order; ++order) {
            const pfn other{n.n ^ (std::uint64_t{1} << order)};
            if (!holds(other)) break;
            page* buddy = map_->at(other);
            if (!buddy->is(pg::buddy) || buddy->order() != order) break;
            if (order >= pmd_order && types_->of(other) != type) break;
            unlink(buddy);
            if (other < n) n = other;
        }
        link(map_->at(n), order, type);
    }

    /// Effects: the frame, if it is free, leaves the free lists for good. Returns: whether it was free.
    bool take_off(pfn n) noexcept {
        if (!holds(n)) return false;
        std::lock_guard lock(lock_);
        while (frontier_ <= n) seed(migrate_type::movable);
        for (unsigned order = 0; order <= max_order; ++order) {
            pfn at{align_down(n.n, std::uint64_t{1} << order)};
            page* f = map_->at(at);
            if (!f->is(pg::buddy) || f->order() != order) continue;
            const auto type = static_cast<migrate_type>(f->private_);
            unlink(f);
            while (order-- > 0) {  // the halves without it stay free
                const pfn upper = at + (std::uint64_t{1} << order);
                link(map_->at(n < upper ? upper : at), order, type);
                if (n >= upper) at = upper;
            }
            --free_;
            return true;
        }
        return false;
    }

    /// Returns: the first descriptor of 2^order free frames in a row, more than the buddy can give at once, or null.
    /// Complexity: the blocks of the zone.
    page* take_contiguous(unsigned order) noexcept {
        std::lock_guard lock(lock_);
        const std::uint64_t size = std::uint64_t{1} << order;
        for (pfn n{align_up(first_.n, size)}; n + size <= last_; n = n + size) {
            if (!is_free_range(n, size)) continue;
            while (frontier_ < n) seed(migrate_type::movable);
            for (pfn b = n; b < n + size && b < frontier_; b = b + max_block) unlink(map_->at(b));
            if (frontier_ < n + size) frontier_ = n + size;  // never seeded: its frames are untouched
            free_ -= size;
            return map_->at(n);
        }
        return nullptr;
    }

    /// Effects: moves every free block of [first, last) to the lists of `type` and the frames freed later too.
    /// Requires: multiples of the largest block. Source: spec 07 §1 CMA.
    void retype(pfn first, pfn last, migrate_type type) noexcept {
        std::lock_guard lock(lock_);
        while (frontier_ < last) seed(migrate_type::movable);
        for (pfn n = first; n < last; n = n + pages_per_pmd) types_->set(n, type);
        for (pfn n = first; n < last;) {
            page* f = map_->at(n);
            if (!f->is(pg::buddy)) {
                n = n + 1;
                continue;
            }
            const unsigned order = f->order();
            unlink(f);
            link(f, order, type);
            n = n + (std::uint64_t{1} << order);
        }
    }

    /// Returns: whether every frame of [first, last) is free.
    [[nodiscard]] bool is_free(pfn first, pfn last) noexcept {
        std::lock_guard lock(lock_);
        return is_free_locked(first, last);
    }
    /// Effects: takes exactly these frames, as they are. Returns: false, one of them is in use; nothing is taken.
    [[nodiscard]] bool take_range(pfn first, pfn last) noexcept {
        std::lock_guard lock(lock_);
        while (frontier_ < last) seed(migrate_type::movable);
        if (!is_free_locked(first, last)) return false;
        pfn n = first;
        while (page* block = n < last ? containing(n) : nullptr) {
            const pfn at = map_->number(block);
            const unsigned order = block->order();
            const auto type = static_cast<migrate_type>(block->private_);
            unlink(block);
            carve(at, order, type, first, last);
            n = at + (std::uint64_t{1} << order);
        }
        free_ -= last - first;
        return true;
    }
    /// Returns: the highest free movable frame in [lowest, below), taken; null when there is none. `below` becomes its
    /// number: a scanner that goes down.
    [[nodiscard]] page* take_highest(pfn lowest, pfn& below) noexcept {
        std::lock_guard lock(lock_);
        while (frontier_ < last_) seed(migrate_type::movable);
        while (lowest < below) {
            const pfn n = below = pfn{below.n - 1};
            page* block = containing(n);
            if (!block || static_cast<migrate_type>(block->private_) != migrate_type::movable) continue;
            const pfn at = map_->number(block);
            const unsigned order = block->order();
            unlink(block);
            carve(at, order, migrate_type::movable, n, n + 1);
            --free_;
            return map_->at(n);
        }
        return nullptr;
    }

private:
    static constexpr std::uint32_t none = 0;
    // A free block's links: next in the low half of frame::index, previous in the high half, as pfn + 1.
    static std::uint32_t next(const page* f) noexcept { return static_cast<std::uint32_t>(f->index); }
    static std::uint32_t prev(const page* f) noexcept { return static_cast<std::uint32_t>(f->index >> 32); }
    static void set_links(page* f, std::uint32_t n, std::uint32_t p) noexcept {
        f->index = n | std::uint64_t{p} << 32;
    }
    page* named(std::uint32_t name) const noexcept { return name ? map_->at(pfn{name - 1U}) : nullptr; }
    std::uint32_t name(const page* f) const noexcept { return static_cast<std::uint32_t>(map_->number(f).n + 1); }

    void link(page* f, unsigned order, migrate_type type) noexcept {
        std::uint32_t& head = heads_[order][static_cast<unsigned>(type)];
        if (page* old = named(head)) set_links(old, next(old), name(f));
        set_links(f, head, none);
        f->private_ = static_cast<std::uint64_t>(type);
        f->flags.store(identity_ | order | page::bit(pg::buddy) | (f->flags.load() & page::bit(pg::written)));
        head = name(f);
    }
    void unlink(page* f) noexcept {
        std::uint32_t& head = heads_[f->order()][f->private_];
        page* n = named(next(f));
        page* p = named(prev(f));
        if (p) set_links(p, next(f), prev(p));
        else head = next(f);
        if (n) set_links(n, next(n), prev(f));
        f->index = 0;
        f->private_ = 0;
        f->flags.store(identity_ | (f->flags.load() & page::bit(pg::written)));
    }
    /// Returns: the free block that holds the frame, or null.
    page* containing(pfn n) const noexcept {
        for (unsigned order = 0; order <= max_order; ++order) {
            page* f = map_->at(pfn{align_down(n.n, std::uint64_t{1} << order)});
            if (f->is(pg::buddy) && f->order() == order) return f;
        }
        return nullptr;
    }
    bool is_free_locked(pfn first, pfn last) const noexcept {
        for (pfn n = first; n < last && n < frontier_;) {
            const page* block = containing(n);
            if (!block) return false;
            n = map_->number(block) + (std::uint64_t{1} << block->order());
        }
        return true;
    }
    /// Effects: of a block that is in no list, what lies outside [first, last) is in the lists again.
    void carve(pfn at, unsigned order, migrate_type type, pfn first, pfn last) noexcept {
        const pfn end = at + (std::uint64_t{1} << order);
        if (first <= at && end <= last) return;
        if (end <= first || last <= at) return link(map_->at(at), order, type);
        carve(at, order - 1, type, first, last);
        carve(at + (std::uint64_t{1} << (order - 1)), order - 1, type, first, last);
    }
    bool is_free_range(pfn first, std::uint64_t size) const noexcept {
        for (pfn b = first; b < first + size && b < frontier_; b = b + max_block) {
            const page* f = map_->at(b);
            const migrate_type t = types_->of(b);
            if (!f->is(pg::buddy) || f->order() != max_order || t == migrate_type::cma || t == migrate_type::isolate)
                return false;
        }
        return true;
    }
    void seed(migrate_type type) noexcept {
        if (type != migrate_type::movable)
            for (std::uint64_t k = 0; k < max_block; k += pages_per_pmd) types_->set(frontier_ + k, type);
        link(map_->at(frontier_), max_order, type);
        frontier_ = frontier_ + max_block;
    }

    page* pop(unsigned order, migrate_type type) noexcept {
        for (unsigned o = order; o <= max_order; ++o) {
            page* f = named(heads_[o][static_cast<unsigned>(type)]);
            if (!f) continue;
            unlink(f);
            while (o > order) {
                --o;
                link(map_->nth(f, std::uint64_t{1} << o), o, type);
            }
            return f;
        }
        return nullptr;
    }

    page* take_locked(unsigned order, migrate_type type, bool may_use_cma) noexcept {
        if (page* f = pop(order, type)) return f;
        if (frontier_ < last_) {
            seed(type);
            return pop(order, type);
        }
        // Borrow from the other types, largest trouble last; CMA only for what can move away again.
        for (migrate_type other : {migrate_type::movable, migrate_type::reclaimable, migrate_type::unmovable})
            if (other != type)
                if (page* f = pop(order, other)) return f;
        return type == migrate_type::movable && may_use_cma ? pop(order, migrate_type::cma) : nullptr;
    }

    spin_lock lock_;
    std::uint32_t heads_[max_order + 1][migrate_types] = {};
    std::uint64_t free_ = 0;
    std::int64_t identity_ = 0;
    pfn first_, last_, frontier_;
    memmap* map_ = nullptr;
    block_types* types_ = nullptr;
};

}  // namespace pinfold::mm
