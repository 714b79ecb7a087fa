// SPDX-License-Identifier: BSL-1.0
// Device-private and coherent memory: anonymous pages that go to a device and come back. A private page leaves
// device-private entries behind, and the CPU's next touch brings it back; a coherent one stays mapped.
// Source: spec 03 §1 §4 §5, spec 10 §20.
#pragma once

#include <mutex>
#include <vector>

#include "devmap.hpp"
#include "fault_anon.hpp"
#include "migrate.hpp"
#include "page_lock.hpp"
#include "thp_split.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: an anonymous base page goes from `head` to `fresh`: entries, contents, marks. `held`: the units of
/// head's count that belong to the caller or to its device. Returns: 0, or -EAGAIN with nothing moved: somebody
/// else holds the page, or it is pinned. Requires: references of both.
template <class P>
[[nodiscard]] int move_anon_page(physical<P>& phys, frame<P>* head, frame<P>* fresh, std::int64_t held) {
    if (head->is(pg::large) || !head->is_anon() || head->is_ksm() || !try_lock_page(head)) return -err::eagain;
    bool moved = unmap_for_migration(phys, head, dirty_is_saved::after_the_pin_test) && folio_mapcount(head) == 0 && !head->is(pg::swapcache) &&
                 head->count.refs() == held;
    if (moved) {
        phys.data.copy(*fresh, phys.number(fresh), *head, phys.number(head));
        fresh->index = head->index;
        fresh->mapping.publish(head->mapping.load());
        constexpr std::int64_t kept = frame<P>::bit(pg::dirty) | frame<P>::bit(pg::uptodate) |
                                      frame<P>::bit(pg::swapbacked) | frame<P>::bit(pg::mlocked) |
                                      frame<P>::bit(pg::referenced);
        fresh->change(head->flags.load() & kept, 0);
    }
    restore_entries(phys, head, head, moved ? fresh : head);
    unlock_page(head);
    return moved ? 0 : -err::eagain;
}

}  // namespace detail

/// The driver of a device with memory of its own: PRIVATE or COHERENT.
template <class P>
class device_memory {
public:
    using page = frame<P>;

    device_memory(physical<P>& phys, device_type type, pfn first, std::uint64_t pages) : phys_(phys) {
        free_.reserve(pages);
        device_callbacks<P> calls;
        calls.owner = this;
        calls.page_free = [this](page* p) { put_free(p); };
        calls.migrate_to_ram = [this](page* p) { return to_ram(p, 1); };
        device_ = create_pagemap(phys, type, first, pages, 0, std::move(calls)).map;
        for (std::uint64_t k = pages; device_ && k-- > 0;) put_free(phys.at(first + k));
    }
    device_memory(const device_memory&) = delete;
    device_memory& operator=(const device_memory&) = delete;

    /// Null: the profile knows no such memory.
    [[nodiscard]] dev_pagemap<P>* device() const noexcept { return device_; }
    [[nodiscard]] std::uint64_t free_pages() {
        std::lock_guard guard(lock_);
        return free_.size();
    }
    [[nodiscard]] bool owns(const page* p) const noexcept { return device_ && device_->holds(phys_.number(p)); }

    /// Effects: what is anonymous, or untouched, in n pages from `a` goes to the device, page by page; a page that is
    /// pinned or that anybody else holds stays; a huge page is split first. Returns: pages that are on the device
    /// now, or -EINVAL: no mapping, or of a kind whose pages never move.
    [[nodiscard]] long take_over(space<P>& mm, vaddr a, std::uint64_t n) {
        std::shared_lock lock(mm.mmap_lock);
        phys_.lru_drain_all();
        long there = 0;
        for (std::uint64_t k = 0; k < n; ++k, a += page_size) {
            vma* v = mm.find(a);
            if (!v || !may_move(*v)) return -err::einval;
            split_huge(mm, a);
            if (move_in(mm, *v, a)) ++there;
        }
        return there;
    }
    /// Effects: brings back what is on the device in n pages from `a`. Returns: how many came, or -EINVAL as above.
    [[nodiscard]] long give_back(space<P>& mm, vaddr a, std::uint64_t n) {
        std::shared_lock lock(mm.mmap_lock);
        long came = 0;
        for (std::uint64_t k = 0; k < n; ++k, a += page_size) {
            const vma* v = mm.find(a);
            if (!v || !may_move(*v)) return -err::einval;
            page* p = hold_mapped(mm, a);
            if (!p) continue;
            if (owns(p) && to_ram(p, 1) == 0) ++came;
            phys_.drop(phys_.head(p), holder::temporary);
        }
        return came;
    }

    /// Effects: the page goes to memory, in every address space that maps it. `held`: references of the caller.
    /// Returns: 0, -ENOMEM, or -EAGAIN: somebody else holds it.
    [[nodiscard]] int to_ram(page* p, std::int64_t held) {
        page* fresh = phys_.alloc({.movable = !pin_scope::active()});
        if (!fresh) return -err::enomem;
        const int error = detail::move_anon_page(phys_, p, fresh, held + P::devices::baseline(device_->type));
        if (error == 0) phys_.lru_add(fresh);
        phys_.drop(fresh, holder::hand_out);
        return error;
    }

private:
    [[nodiscard]] static bool may_move(const vma& v) noexcept {
        return v.has(vm::read) && !v.is_hugetlb() && !v.is_dax() && !v.has(vm::io | vm::pfnmap | vm::mixedmap);
    }
    void split_huge(space<P>& mm, vaddr a) {
        const auto at = mm.tables.find(a, level::pmd);
        if (!at.reached(level::pmd)) return;
        page* head = nullptr;
        {
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            if (!e.is_leaf() || !splits_to_ptes(mm, e)) return;
            head = phys_.head(phys_.at(e.number()));
            if (phys_.is_huge_zero(head)) return split_pmd_locked(mm, at, nullptr);
            phys_.hold(head, holder::temporary);
        }
        if (try_lock_page(head)) {
            (void)split_folio(phys_, head, head);
            unlock_page(head);
        }
        phys_.drop(head, holder::temporary);
    }

    /// Returns: the page an entry of `a` shows, with a reference (holder: temporary), or null.
    [[nodiscard]] page* hold_mapped(space<P>& mm, vaddr a) {
        const auto at = mm.tables.find(a, level::pte);
        if (!at.reached(level::pte)) return nullptr;
        word_guard lock(at.lock());
        const entry e = at.slot->read();
        page* p = e.kind() == entry_kind::device_private ? phys_.at(e.number()) : normal_page(phys_, e);
        if (p) phys_.hold(phys_.head(p), holder::temporary);
        return p;
    }

    [[nodiscard]] bool move_in(space<P>& mm, vma& v, vaddr a) {
        if (page* p = hold_mapped(mm, a)) {
            page* head = phys_.head(p);
            bool there = owns(p);
            if (!there && head->zone() != zone_kind::device && isolate(phys_, head)) {
                if (page* fresh = take()) {
                    there = detail::move_anon_page(phys_, head, fresh, 2) == 0;  // ours and the isolation
                    phys_.drop(fresh, holder::hand_out);
                }
                if (there) phys_.drop(head, holder::isolation);
                else put_back(phys_, head);
            }
            phys_.drop(head, holder::temporary);
            return there;
        }
        return v.is_anonymous() && fill_hole(mm, v, a);
    }
    /// Nothing there yet, or the zero page: the device begins with zeros.
    [[nodiscard]] bool fill_hole(space<P>& mm, vma& v, vaddr a) {
        const auto at = mm.tables.reach(a, level::pte);
        page* fresh = at.reached(level::pte) ? take() : nullptr;
        if (!fresh) return false;
        make_anon(mm, v, a, fresh);
        bool there = false;
        {
            word_guard lock(at.lock());
            const entry e = at.slot->read();
            there = e.is_none() || (e.is_leaf() && e.number() == phys_.number(phys_.zero_page()));
            if (there) {
                (void)at.slot->take();
                map_pte(fresh, fresh);
                phys_.hold(fresh, holder::entry);
                const std::uint64_t w = v.has(vm::write) ? entry::bit(eb::writable) : 0;
                at.slot->set(device_->type == device_type::private_memory
                                 ? entry::make(entry_kind::device_private, phys_.number(fresh), w)
                                 : entry::leaf(phys_.number(fresh), base_bits(v) | w));
            }
        }
        phys_.drop(fresh, holder::hand_out);
        return there;
    }

    /// Returns: a page of the device with one reference, zeroed, or null.
    [[nodiscard]] page* take() {
        page* p = nullptr;
        {
            std::lock_guard guard(lock_);
            if (free_.empty()) return nullptr;
            p = free_.back();
            free_.pop_back();
        }
        hand_out_device_page(phys_, p);
        phys_.data.zero(*p, phys_.number(p));
        return p;
    }
    void put_free(page* p) noexcept {
        std::lock_guard guard(lock_);
        free_.push_back(p);  // never grows beyond what was reserved
    }

    physical<P>& phys_;
    dev_pagemap<P>* device_ = nullptr;
    spin_lock lock_;
    std::vector<page*> free_;
};

/// The CPU touches a page that is on a device. Requires: the mmap lock. Source: spec 07 §4.
template <class P>
[[nodiscard]] fault_result device_private_fault(space<P>& mm, const typename space<P>::place& at, entry e) {
    physical<P>& phys = mm.phys;
    frame<P>* page = phys.at(e.number());
    {
        word_guard lock(at.lock());
        if (at.slot->read() != e) return fault_result::ok;  // the walk looks again
        phys.hold(page, holder::temporary);
    }
    const int error = pagemap_of(page)->calls.migrate_to_ram(page);
    phys.drop(page, holder::temporary);
    if (error == -err::eagain) threading::yield();  // another thread brings it back just now
    return error == 0 || error == -err::eagain ? fault_result::ok
           : error == -err::enomem             ? fault_result::oom
                                               : fault_result::sigbus;
}

}  // namespace pinfold::mm
