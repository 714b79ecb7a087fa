// SPDX-License-Identifier: BSL-1.0
// The fast entry whose answer is runs: a huge entry costs its grabs and one element, whatever it maps.
#pragma once

#include <algorithm>
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
    // Part by part: how much is asked for is the caller's word, how much there is only the slow path knows.
    std::vector<frame<P>*> pages(std::min<std::uint64_t>(nr - fast, table_entries));
    std::uint64_t held = fast;
    while (held != nr) {
        const std::uint64_t n = std::min<std::uint64_t>(nr - held, pages.size());
        const vaddr from = start + (held << page_shift);
        if (runs.capacity() - runs.size() < n) runs.reserve(2 * runs.capacity() + n);
        const long slow = slow_for_rest<P>(mm, from, from + (n << page_shift), flags, {pages.data(), nullptr, nullptr});
        if (slow < 0) return held != 0 ? static_cast<long>(held) : slow;
        detail::each_run<P>(mm.phys, pages.data(), static_cast<std::uint64_t>(slow),
                            [&](const pinned_run<P>& r) { runs.push_back(r); });
        held += static_cast<std::uint64_t>(slow);
        if (static_cast<std::uint64_t>(slow) != n) break;
    }
    return static_cast<long>(held);
}

}  // namespace pinfold::mm
