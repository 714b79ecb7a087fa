// SPDX-License-Identifier: BSL-1.0
// What a KSM page has instead of an anon_rmap: every place that was merged into it. And the address spaces ksmd has to
// look at. Source: spec 07 §14.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

#include "rmap.hpp"

namespace pinfold::mm {

/// The rmap of one KSM page. Nodes live as long as their machine, so a stale pointer from a page is safe to lock.
class ksm_node {
public:
    /// A place whose page was merged: found through the family of its VMA, so that children by fork are found too.
    struct place {
        anon_rmap* family = nullptr;
        std::uint64_t index = 0;
        const void* item = nullptr;  ///< whose place it is

        friend bool operator==(const place&, const place&) = default;
    };

    void add(const place& p) {
        std::lock_guard guard(lock);
        places.push_back(p);
    }
    void remove(const void* item) noexcept {
        std::lock_guard guard(lock);
        places.erase(std::remove_if(places.begin(), places.end(), [&](const place& p) { return p.item == item; }),
                     places.end());
    }

    spin_lock lock;              ///< outside the locks of the families
    std::vector<place> places;   ///< requires lock; only ksmd changes it
    word64 where;                ///< frame number of the page
};

/// The spaces with mergeable memory, in the order in which they told.
class ksm_spaces {
public:
    void enter(space_base* s) {
        std::lock_guard guard(lock_);
        if (std::find(all_.begin(), all_.end(), s) == all_.end()) all_.push_back(s);
    }
    void leave(space_base* s) noexcept {
        std::lock_guard guard(lock_);
        all_.erase(std::remove(all_.begin(), all_.end(), s), all_.end());
    }
    [[nodiscard]] bool has(const space_base* s) {
        std::lock_guard guard(lock_);
        return std::find(all_.begin(), all_.end(), s) != all_.end();
    }
    [[nodiscard]] std::vector<space_base*> list() {
        std::lock_guard guard(lock_);
        return all_;
    }

private:
    mutex lock_;
    std::vector<space_base*> all_;
};

}  // namespace pinfold::mm
