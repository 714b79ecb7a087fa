// SPDX-License-Identifier: BSL-1.0
// The fast entry whose answer is runs: a huge entry costs its grabs and one element, whatever it maps.
#pragma once

#include <cstdint>
#include <vector>

#include "fast_fallback.hpp"
#include "walk_runs.hpp"

namespace pinfold::mm {

/// As fast_then_slow, for pages that go to the end of `runs`. Returns: pages, or a negative errno.
/// Requires also: flags name GET or PIN.
/// Complexity: per huge entry two locked instructions where pins are counted apart, else one, and a share of entering
/// the walk; per order-0 page one.
template <class P>
[[nodiscard]] long fast_then_slow_ranges(space<P>& mm, vaddr start, vaddr end, unsigned flags,
                                         std::vector<pinned_run<P>>& runs) {
    const std::uint64_t nr = (end - start) >> page_shift;
    std::uint64_t fast = 0;
    for (bool more = true; more && fast != nr;) {
        detail::run_list<P> some;
        if (runs.capacity() - runs.size() < some.capacity)  // what is held must have a place
            runs.reserve(2 * runs.capacity() + some.capacity);
        fast += fast_part<P>(mm, start + (fast << page_shift), end, flags, nullptr, nullptr, &some);
        runs.insert(runs.end(), some.begin(), some.end());
        more = some.full();
    }
    if (fast == nr || (flags & foll::fast_only) != 0) return static_cast<long>(fast);
    std::vector<frame<P>*> pages(nr - fast);
    runs.reserve(runs.size() + pages.size());
    const long slow = slow_for_rest<P>(mm, start + (fast << page_shift), end, flags, {pages.data(), nullptr, nullptr});
    if (slow < 0) return fast != 0 ? static_cast<long>(fast) : slow;
    detail::each_run<P>(mm.phys, pages.data(), static_cast<std::uint64_t>(slow),
                        [&](const pinned_run<P>& r) { runs.push_back(r); });
    return static_cast<long>(fast) + slow;
}

}  // namespace pinfold::mm
