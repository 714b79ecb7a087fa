// SPDX-License-Identifier: BSL-1.0
// Who owns each unit of every count: the shadow ledger behind INV-1, INV-2, INV-3 and INV-6. A policy of the
// machine: `no_ledger` costs nothing, `shadow_ledger` remembers. Source: spec 07 §1.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "geometry.hpp"
#include "threading.hpp"

namespace pinfold::mm {

enum class holder : unsigned char {
    hand_out, entry, page_cache, swap_cache, buffers, lru_batch, isolation, get, pin, device, temporary, count_,
};

struct no_ledger {
    static constexpr bool enabled = false;
    void add(pfn, holder, std::int64_t) noexcept {}
    void forget(pfn) noexcept {}
    [[nodiscard]] static std::int64_t held(pfn, holder) noexcept { return 0; }
};

/// Units are plain counts: a pin is one, whatever the scheme makes of it in the count word.
class shadow_ledger {
public:
    static constexpr bool enabled = true;
    struct holders {
        std::int64_t by[static_cast<unsigned>(holder::count_)] = {};

        [[nodiscard]] std::int64_t operator[](holder h) const noexcept { return by[static_cast<unsigned>(h)]; }
        [[nodiscard]] std::int64_t plain() const noexcept {
            std::int64_t sum = 0;
            for (std::int64_t n : by) sum += n;
            return sum - (*this)[holder::pin];
        }
        [[nodiscard]] bool empty() const noexcept {
            for (std::int64_t n : by)
                if (n != 0) return false;
            return true;
        }
    };

    void add(pfn head, holder h, std::int64_t n) {
        std::lock_guard lock(lock_);
        pages_[head.n].by[static_cast<unsigned>(h)] += n;
    }
    void forget(pfn head) {
        std::lock_guard lock(lock_);
        pages_.erase(head.n);
    }
    [[nodiscard]] std::int64_t held(pfn head, holder h) const {
        std::lock_guard lock(lock_);
        const auto it = pages_.find(head.n);
        return it == pages_.end() ? 0 : it->second[h];
    }
    [[nodiscard]] holders of(pfn head) const {
        std::lock_guard lock(lock_);
        const auto it = pages_.find(head.n);
        return it == pages_.end() ? holders{} : it->second;
    }
    /// Effects: calls `visit(pfn, const holders&)` for each head somebody holds.
    template <class Visit>
    void each(Visit visit) const {
        std::lock_guard lock(lock_);
        for (const auto& [n, h] : pages_)
            if (!h.empty()) visit(pfn{n}, h);
    }

private:
    mutable mutex lock_;
    std::unordered_map<std::uint64_t, holders> pages_;
};

}  // namespace pinfold::mm
