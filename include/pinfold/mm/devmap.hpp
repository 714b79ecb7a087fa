// SPDX-License-Identifier: BSL-1.0
// Device memory comes and goes: creating a pagemap over a range of frames, handing pages out, what the release of a
// device page does, and removal, which waits for those who hold pages. Source: spec 03 §1 to §5.
#pragma once

#include "error.hpp"
#include "physical.hpp"

namespace pinfold::mm {

template <class P>
struct made_pagemap {
    dev_pagemap<P>* map = nullptr;
    int error = 0;  ///< negative errno

    explicit operator bool() const noexcept { return map != nullptr; }
    dev_pagemap<P>* operator->() const noexcept { return map; }
};

template <class P>
[[nodiscard]] dev_pagemap<P>* pagemap_of(const frame<P>* head) noexcept {
    return reinterpret_cast<dev_pagemap<P>*>(head->private_);
}
template <class P>
[[nodiscard]] bool is_device(const frame<P>* page, device_type t) noexcept {
    return page->zone() == zone_kind::device && page->device() == t;
}

namespace detail {

/// The frames of a folio that nobody uses: laid out, the count last.
template <class P>
void lay_out_device_folio(physical<P>& phys, dev_pagemap<P>& map, pfn n, unsigned order) {
    frame<P>* head = phys.at(n);
    const std::int64_t identity = frame<P>::identity(zone_kind::device, 0, phys.machine(), 0) |
                                  static_cast<std::int64_t>(map.type) << frame<P>::device_shift;
    const std::int64_t kept = frame<P>::bit(pg::written);
    for (std::uint64_t k = 1; k < (std::uint64_t{1} << order); ++k) {
        frame<P>* tail = phys.nth(head, k);
        tail->flags.store(identity | (tail->flags.load() & kept));
        tail->private_ = head->private_;
        frame_policy<P>::head::make_tail(*tail, *head);
    }
    head->flags.store(identity | order | (order != 0 ? frame<P>::bit(pg::large) : 0) | (head->flags.load() & kept));
}

}  // namespace detail

/// memremap_pages. Effects: frames [first, first + n) become device memory; folios of 2^order where the profile has
/// compound device folios. Fails when: no pages (-EINVAL), a callback or the owner is missing (-EINVAL, WARN), the
/// range belongs to a device already (-ENOMEM, WARN) or to memory (-ENXIO).
/// Requires: n is a multiple of the folio size, the range is aligned to it.
template <class P>
[[nodiscard]] made_pagemap<P> create_pagemap(physical<P>& phys, device_type type, pfn first, std::uint64_t n,
                                             unsigned order = 0, device_callbacks<P> calls = {}) {
    using rule = typename P::devices;
    if (n == 0 || (type == device_type::coherent && !rule::has_coherent)) return {nullptr, -err::einval};
    const bool incomplete = (type == device_type::private_memory && !calls.migrate_to_ram) ||
                            (rule::needs_free(type) && !calls.page_free) || (rule::needs_owner(type) && !calls.owner);
    if (incomplete) {
        phys.warn.emit(warn_id::devmap_missing_callback, static_cast<std::int64_t>(type));
        return {nullptr, -err::einval};
    }
    if (first < phys.device_first() || first + n > phys.device_end()) return {nullptr, -err::enxio};
    if (phys.pagemaps.overlaps(first, first + n)) {
        phys.warn.emit(warn_id::devmap_overlap, static_cast<std::int64_t>(first.n));
        return {nullptr, -err::enomem};
    }
    if (type != device_type::generic || !rule::generic_is_compound) order = 0;
    auto owned = std::make_unique<dev_pagemap<P>>(type, first, first + n, order, std::move(calls));
    dev_pagemap<P>& map = *owned;
    if (rule::each_page_holds_map(type)) map.get(n);
    if (rule::is_managed(type)) frame_policy<P>::managed_devices::device_added();
    for (std::uint64_t k = 0; k < n; ++k) phys.at(first + k)->be_born_dead();
    const std::uint64_t step = std::uint64_t{1} << order;
    for (std::uint64_t k = 0; k < n; k += step) {
        frame<P>* head = phys.at(first + k);
        head->private_ = reinterpret_cast<std::uintptr_t>(&map);
        ++head->generation;
        detail::lay_out_device_folio(phys, map, first + k, order);
        if (const std::int32_t base = rule::baseline(type); base != 0) {
            phys.note(head, holder::device, base);
            head->count.init(static_cast<std::uint64_t>(base));
        }
    }
    return {&phys.pagemaps.add(std::move(owned)), 0};
}

/// memunmap_pages. Effects: no new references to the device; returns when nobody holds one. Then the range is gone.
/// Blocks while pages hold the pagemap: in foll_pin_2019 every page somebody holds does, in linux_6_12 PRIVATE and
/// COHERENT pages that are handed out. Requires: nothing maps the device any more.
template <class P>
void remove_pagemap(physical<P>& phys, dev_pagemap<P>& map) {
    using rule = typename P::devices;
    map.kill();
    const bool held = rule::each_page_holds_map(map.type);
    if constexpr (rule::removal_puts_pages) {
        for (pfn n = map.first; n < map.last; n = n + 1) phys.drop(phys.at(n), holder::device);
    } else if (held) {
        map.put(map.pages());
    }
    map.wait_until_unused();
    bool busy = false;
    if constexpr (!rule::removal_puts_pages) {
        const std::int32_t base = rule::baseline(map.type);
        for (pfn n = map.first; n < map.last; n = n + (std::uint64_t{1} << map.order)) {
            frame<P>* head = phys.at(n);
            if (base != 0 && head->count.freeze(base)) phys.note(head, holder::device, -base);
            else if (head->count.refs() != 0) busy = true;
        }
        // The device did not wait for them, the filesystem should have: the descriptors stay with their holders.
        if (busy) phys.warn.emit(warn_id::devmap_removed_busy, static_cast<std::int64_t>(map.first.n));
    }
    if (busy) return;
    map.mark_gone();
    if (rule::is_managed(map.type)) frame_policy<P>::managed_devices::device_removed();
}

/// Effects: a free PRIVATE, COHERENT or P2PDMA page goes to whoever asked its driver: one reference (holder:
/// hand-out). In linux_6_12 a PRIVATE or COHERENT page takes a pagemap reference (zone_device_page_init).
template <class P>
void hand_out_device_page(physical<P>& phys, frame<P>* page) {
    dev_pagemap<P>& map = *pagemap_of(page);
    if constexpr (P::devices::baseline(device_type::private_memory) == 1) {
        phys.hold(page, holder::hand_out);
    } else {
        if (!map.try_get()) phys.warn.emit(warn_id::devmap_dying_hand_out, static_cast<std::int64_t>(map.type));
        phys.note(page, holder::hand_out, 1);
        page->count.init(1);
    }
}

namespace detail {

/// What the page was used for is over.
template <class P>
void forget_use(physical<P>& phys, frame<P>* head) {
    constexpr std::int64_t used = frame<P>::bit(pg::exclusive) | frame<P>::bit(pg::dirty) |
                                  frame<P>::bit(pg::swapbacked) | frame<P>::bit(pg::uptodate) |
                                  frame<P>::bit(pg::mlocked) | frame<P>::bit(pg::referenced) |
                                  frame<P>::bit(pg::locked);
    if (head->is_anon())
        for (std::uint64_t k = 1; k < head->pages(); ++k) phys.nth(head, k)->clear(pg::exclusive);
    head->change(0, used);
    head->mapping.store(0);  // a stale anonymous marker would break the next use
}

}  // namespace detail

/// The count of a managed page came back to its baseline of 1: nobody uses it. Called by the one release that got
/// there (spec 03 §3). Waiters of a DAX page are woken; a PRIVATE page of 2019 returns to its driver.
template <class P>
void device_page_idle(physical<P>& phys, frame<P>* head) {
    if (head->device() == device_type::fsdax) {
        phys.page_idle.wake_all();
        if (P::devices::needs_free(device_type::fsdax)) pagemap_of(head)->calls.page_free(head);
        return;
    }
    detail::forget_use(phys, head);
    ++head->generation;
    pagemap_of(head)->calls.page_free(head);
}

/// The count of a device page reached 0 (free_zone_device_folio; 2019: only while the device is being removed). The
/// frame stays with its device; it never sees the buddy.
template <class P>
void device_page_freed(physical<P>& phys, frame<P>* head) {
    using rule = typename P::devices;
    dev_pagemap<P>& map = *pagemap_of(head);
    if constexpr (rule::removal_puts_pages) {
        detail::forget_use(phys, head);
        map.put();
        return;
    }
    if (map.type == device_type::fsdax) {  // zero_based: idle at 0
        phys.page_idle.wake_all();
        return;
    }
    if (!map.calls.page_free) {
        phys.warn.emit(warn_id::devmap_no_free, static_cast<std::int64_t>(phys.number(head).n));
        return;
    }
    detail::forget_use(phys, head);
    ++head->generation;
    const bool stays_at_zero = rule::baseline(map.type) == 0;
    if (!stays_at_zero) {  // ready to be handed out again, before the driver may do so
        phys.note(head, holder::device, 1);
        head->count.init(1);
    }
    map.calls.page_free(head);
    if (stays_at_zero) map.put();
}

}  // namespace pinfold::mm
