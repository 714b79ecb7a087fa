// SPDX-License-Identifier: BSL-1.0
// Giving back many pages at once: one atomic operation per run of one head. Source: spec 06 §9.
#pragma once

#include "../page/page_pin.hpp"
#include "held_runs.hpp"

namespace pinfold {

/// Effects: gives back one pin per element of a range that owns nothing (owners and batches give back themselves); consecutive pages of one head take one RMW. Null elements are skipped
/// and end a run. Any order and any partition of what was pinned gives the same result (INV-12).
/// Returns: pins given back. Synchronises: as page_ops::unpin. Complexity: linear, one RMW per run.
template <unowned_page_range R>
std::size_t unpin_all(R&& pages) {
    using ops = page_ops<detail::page_of<R>>;
    using hold = typename ops::pinning;
    return detail::for_each_held_run<hold>(pages, [](auto* head, std::size_t n) { ops::template drop_head<hold>(head, n); });
}

/// As unpin_all; every head is marked dirty before its pins are given back, once per run.
template <unowned_page_range R>
    requires(detail::has_dirtying<detail::page_of<R>>)
std::size_t unpin_dirty(R&& pages) {
    using ops = page_ops<detail::page_of<R>>;
    using hold = typename ops::pinning;
    return detail::for_each_held_run<hold>(pages, [](auto* head, std::size_t n) {
        ops::policy::dirtying::mark(head);
        ops::template drop_head<hold>(head, n);
    });
}

/// As unpin_all, for references.
template <unowned_page_range R>
std::size_t put_all(R&& pages) {
    using ops = page_ops<detail::page_of<R>>;
    using hold = typename ops::reference;
    return detail::for_each_held_run<hold>(pages, [](auto* head, std::size_t n) { ops::template drop_head<hold>(head, n); });
}

/// Effects: gives back the pins (or references) of a contiguous run, one RMW.
template <detail::has_policy Page>
void unpin_run(const page_run<Page>& run) noexcept {
    using ops = page_ops<Page>;
    if (run.count != 0) ops::template drop_head<typename ops::pinning>(run.head, run.count);
}
template <detail::has_policy Page>
void put_run(const page_run<Page>& run) noexcept {
    using ops = page_ops<Page>;
    if (run.count != 0) ops::template drop_head<typename ops::reference>(run.head, run.count);
}

}  // namespace pinfold
