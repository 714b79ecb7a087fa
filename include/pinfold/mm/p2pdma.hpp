// SPDX-License-Identifier: BSL-1.0
// Memory in the BAR of a PCI device, for its peers: pages of a pool, mapped into a process like any other page and
// back in the pool when the last mapping or reference goes. Source: spec 03 §1 §5.
#pragma once

#include <mutex>
#include <vector>

#include "devmap.hpp"
#include "space.hpp"

namespace pinfold::mm {

/// Requires: a profile in which such pages can be mapped (P::devices::p2pdma_by_flag).
template <class P>
class peer_memory {
public:
    using page = frame<P>;

    peer_memory(physical<P>& phys, pfn first, std::uint64_t pages) : phys_(phys) {
        static_assert(P::devices::p2pdma_by_flag, "this profile does not map PCI peer memory");
        free_.reserve(pages);
        device_callbacks<P> calls;
        calls.page_free = [this](page* p) {
            std::lock_guard guard(lock_);
            free_.push_back(p);
        };
        device_ = create_pagemap(phys, device_type::p2pdma, first, pages, 0, std::move(calls)).map;
        for (std::uint64_t k = pages; k-- > 0;) free_.push_back(phys.at(first + k));
    }
    peer_memory(const peer_memory&) = delete;
    peer_memory& operator=(const peer_memory&) = delete;

    [[nodiscard]] dev_pagemap<P>& device() noexcept { return *device_; }
    [[nodiscard]] std::uint64_t free_pages() {
        std::lock_guard guard(lock_);
        return free_.size();
    }
    /// Effects: a page of the pool is handed out: its baseline reference is the caller's (holder: hand-out).
    [[nodiscard]] page* take() {
        std::lock_guard guard(lock_);
        if (free_.empty()) return nullptr;
        page* p = free_.back();
        free_.pop_back();
        phys_.pass(p, holder::device, holder::hand_out);
        return p;
    }
    /// Effects: gives the caller's reference back; the last one returns the page to the pool.
    void put(page* p) { phys_.drop(p, holder::hand_out); }

private:
    physical<P>& phys_;
    dev_pagemap<P>* device_ = nullptr;
    spin_lock lock_;
    std::vector<page*> free_;
};

}  // namespace pinfold::mm
