// SPDX-License-Identifier: BSL-1.0
// A range of device frames and the reference that keeps its descriptors valid; and the list of all such ranges,
// which the lockless walk reads. Source: spec 03 §1 §2.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

#include "frame.hpp"
#include "wait.hpp"

namespace pinfold::mm {

/// What a device driver provides. Empty: it does not.
template <class P>
struct device_callbacks {
    std::function<void(frame<P>*)> page_free{};           ///< the page is idle, or free, again
    std::function<int(frame<P>*)> migrate_to_ram{};       ///< the CPU wants the page: 0 or a negative errno
    const void* owner = nullptr;                          ///< who may migrate the pages
};

template <class P>
class dev_pagemap {
public:
    dev_pagemap(device_type t, pfn from, pfn to, unsigned folio_order, device_callbacks<P> c)
        : type(t), first(from), last(to), order(folio_order), calls(std::move(c)) {}
    dev_pagemap(const dev_pagemap&) = delete;
    dev_pagemap& operator=(const dev_pagemap&) = delete;

    const device_type type;
    const pfn first, last;
    const unsigned order;  ///< of its folios
    const device_callbacks<P> calls;

    [[nodiscard]] bool holds(pfn n) const noexcept { return n >= first && n < last; }
    [[nodiscard]] std::uint64_t pages() const noexcept { return last - first; }
    [[nodiscard]] bool is_dying() const noexcept { return (refs_.load_acquire() & dying) != 0; }
    [[nodiscard]] bool is_gone() const noexcept { return gone_.load_acquire() != 0; }
    [[nodiscard]] std::int64_t references() const noexcept { return refs_.load() & ~dying; }

    /// Returns: whether a live reference was taken; none is once the device is dying.
    /// Synchronises: one sequentially consistent read-modify-write.
    [[nodiscard]] bool try_get() noexcept {
        std::int64_t seen = refs_.load();
        while ((seen & dying) == 0)
            if (refs_.swap_if_weak(seen, seen + 1)) return true;
        return false;
    }
    /// Requires: a reference is held, or the device is being set up.
    void get(std::uint64_t n) noexcept { refs_.adjust(static_cast<std::int64_t>(n)); }
    /// Effects: gives n references back; the last one of a dying device lets its removal go on.
    void put(std::uint64_t n = 1) noexcept {
        if (refs_.drop_fetch(static_cast<std::int64_t>(n)) == dying) drained_.wake_all();
    }
    /// Effects: from now on nobody gets a reference.
    void kill() noexcept {
        std::int64_t seen = refs_.load();
        while (!refs_.swap_if_weak(seen, seen | dying)) {
        }
    }
    /// Effects: returns when no reference is left. Requires: killed.
    void wait_until_unused() {
        struct {
            void lock() noexcept {}
            void unlock() noexcept {}
        } none;  // the count is its own lock
        drained_.wait(none, [this] { return refs_.load_acquire() == dying; });
    }
    void mark_gone() noexcept { gone_.publish(1); }

private:
    template <class>
    friend class pagemap_list;
    static constexpr std::int64_t dying = std::int64_t{1} << 62;

    word64 refs_;
    word32 gone_;
    wait_queue drained_;
    dev_pagemap* next_ = nullptr;  ///< set before the node is published, constant afterwards
};

/// All pagemaps a machine ever had; nodes stay until the machine ends, so that a walk without locks may read them.
template <class P>
class pagemap_list {
public:
    /// Synchronises: publishes the node.
    dev_pagemap<P>& add(std::unique_ptr<dev_pagemap<P>> map) {
        std::lock_guard guard(lock_);
        map->next_ = first();
        first_.publish(reinterpret_cast<std::intptr_t>(map.get()));
        all_.push_back(std::move(map));
        return *all_.back();
    }
    /// Returns: the pagemap that covers frame n, or null. Complexity: the pagemaps ever made.
    [[nodiscard]] dev_pagemap<P>* find(pfn n) const noexcept {
        for (dev_pagemap<P>* m = first(); m; m = m->next_)
            if (m->holds(n) && !m->is_gone()) return m;
        return nullptr;
    }
    [[nodiscard]] bool overlaps(pfn from, pfn to) const noexcept {
        for (dev_pagemap<P>* m = first(); m; m = m->next_)
            if (from < m->last && m->first < to && !m->is_gone()) return true;
        return false;
    }
    /// get_dev_pagemap. `cached` covers n: returned as it is, no new reference. Else `cached` is given back, and the
    /// covering pagemap returned with a reference, or null when there is none or it is dying.
    [[nodiscard]] dev_pagemap<P>* get(pfn n, dev_pagemap<P>* cached = nullptr) const noexcept {
        if (cached) {
            if (cached->holds(n)) return cached;
            cached->put();
        }
        dev_pagemap<P>* const m = find(n);
        return m && m->try_get() ? m : nullptr;
    }
    template <class Visit>
    void each(Visit visit) const {
        for (dev_pagemap<P>* m = first(); m; m = m->next_) visit(*m);
    }

private:
    [[nodiscard]] dev_pagemap<P>* first() const noexcept {
        return reinterpret_cast<dev_pagemap<P>*>(first_.load_acquire());
    }
    pointer_word first_;
    mutex lock_;
    std::list<std::unique_ptr<dev_pagemap<P>>> all_;
};

/// One pagemap reference, kept from lookup to lookup of a call and given back at its end (spec 03 §2).
template <class P>
class pagemap_hold {
public:
    explicit pagemap_hold(const pagemap_list<P>& list) noexcept : list_(list) {}
    pagemap_hold(const pagemap_hold&) = delete;
    pagemap_hold& operator=(const pagemap_hold&) = delete;
    ~pagemap_hold() {
        if (map_) map_->put();
    }
    /// Returns: whether frame n belongs to a live device.
    [[nodiscard]] bool covers(pfn n) noexcept { return (map_ = list_.get(n, map_)) != nullptr; }

private:
    const pagemap_list<P>& list_;
    dev_pagemap<P>* map_ = nullptr;
};

}  // namespace pinfold::mm
