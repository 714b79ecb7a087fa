// SPDX-License-Identifier: BSL-1.0
// A machine with hugetlb pools, and what their tests ask it.
#pragma once

#include <cstdlib>

#include "box.hpp"

namespace mmt {

/// A size no level of the tables has: 16 MiB, in hugepd tables.
inline constexpr unsigned odd_order = 12;

inline mm::options with_pools(std::uint64_t two_mib = 8, std::uint64_t one_gib = 0, std::uint64_t odd = 0) {
    mm::options o = small(one_gib != 0 ? 2_GiB + 64_MiB : 256_MiB);
    o.huge_pools = {{mm::pmd_order, two_mib}, {mm::pud_order, one_gib}, {odd_order, odd}};
    return o;
}

template <class P>
struct huge_world : world<P> {
    using world<P>::world;
    explicit huge_world(std::uint64_t two_mib = 8) : world<P>(with_pools(two_mib)) {}

    auto& pool(unsigned order = mm::pmd_order) {
        auto* const found = this->box.phys().hugetlb.of(order);
        if (!found) std::abort();  // a size the machine was not given
        return *found;
    }
    /// free and reserved, as one thing to compare.
    std::pair<std::int64_t, std::int64_t> stock(unsigned order = mm::pmd_order) {
        const auto s = pool(order).state();
        return {s.free, s.reserved};
    }
    vaddr map_huge(std::uint64_t n = 1, bool shared = false, unsigned order = mm::pmd_order) {
        return this->map(n << (order + mm::page_shift), {.shared = shared, .huge_order = order});
    }
    frame<P>* head_at(vaddr a) { return this->box.phys().head(this->page_at(a)); }
};

/// What n pins add to the count word of a huge page.
template <class P>
constexpr std::int64_t pins(std::int64_t n) {
    return n * pick<P>(1024, 1);
}

using stock = std::pair<std::int64_t, std::int64_t>;

}  // namespace mmt
