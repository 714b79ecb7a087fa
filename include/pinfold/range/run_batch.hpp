// SPDX-License-Identifier: BSL-1.0
// The contiguous form of a batch: `count` pages from `first`, held as runs (head, first, count) instead of slots.
#pragma once

#include <utility>
#include <vector>

#include "pin_all.hpp"

namespace pinfold {

/// Owns one unit of Hold per page of its runs.
template <class Page, class Hold>
class run_batch {
    using ops = page_ops<Page>;

public:
    run_batch() noexcept = default;
    run_batch(run_batch&& other) noexcept : runs_(std::exchange(other.runs_, {})) {}
    run_batch& operator=(run_batch&& other) noexcept {
        if (this != &other) {
            reset();
            runs_ = std::exchange(other.runs_, {});
        }
        return *this;
    }
    run_batch(const run_batch&) = delete;
    run_batch& operator=(const run_batch&) = delete;
    ~run_batch() { reset(); }

    [[nodiscard]] static run_batch adopt(std::vector<page_run<Page>> runs) noexcept {
        run_batch b;
        b.runs_ = std::move(runs);
        return b;
    }
    [[nodiscard]] std::vector<page_run<Page>> release() noexcept { return std::exchange(runs_, {}); }
    void reset() noexcept {
        for (const auto& r : runs_) ops::template drop_head<Hold>(r.head, r.count);
        runs_.clear();
    }
    void reset(dirty_t) noexcept
        requires(Hold::kind == hold_kind::pin && detail::has_dirtying<Page>)
    {
        for (const auto& r : runs_) ops::policy::dirtying::mark(r.head);
        reset();
    }

    [[nodiscard]] const std::vector<page_run<Page>>& runs() const noexcept { return runs_; }
    /// Returns: pages held.
    [[nodiscard]] std::size_t pages() const noexcept {
        std::size_t n = 0;
        for (const auto& r : runs_) n += r.count;
        return n;
    }

private:
    std::vector<page_run<Page>> runs_;
};

namespace detail {

/// Effects: as grab_array, over `count` consecutive pages; appends one run per block.
/// Exempt pages hold nothing and appear in no run.
template <class Hold, class Page>
grab_progress grab_run(Page* first, std::size_t count, std::vector<page_run<Page>>& out) {
    using ops = page_ops<Page>;
    constexpr std::uint64_t most = largest_grab<Hold, ops>;
    std::size_t i = 0;
    while (i < count) {
        Page* const p = nth_page(first, i);
        if (Hold::is_exempt(*p)) {
            ++i;
            continue;
        }
        Page* const head = ops::head(p);
        std::size_t n = extent(p, head, count - i);
        if (n > most) n = static_cast<std::size_t>(most);
        if constexpr (Hold::can_exempt) {  // one page of a block may be exempt while its head is not
            std::size_t counted = 1;
            while (counted < n && !Hold::is_exempt(*nth_page(p, counted))) ++counted;
            n = counted;
        }
        out.push_back({head, p, n});  // before the grab: it may throw
        const outcome got = ops::template try_grab_head<Hold>(head, n);
        if (!got) {
            out.pop_back();
            return {i, got.error};
        }
        if constexpr (!ops::policy::head::stable) {
            std::size_t stable = 0;
            while (stable < n && ops::head(nth_page(p, stable)) == head) ++stable;
            if (stable < n) {
                ops::template undo_grab_head<Hold>(head, n - stable);
                n = stable;
                out.back().count = n;
                if (n == 0) out.pop_back();
            }
        }
        if (n != 0) ops::template record<Hold>(head, n);
        i += n;
    }
    return {count, errc::ok};
}

template <class Hold, class Page>
auto try_grab_run(Page* first, std::size_t count, all_or_nothing_t) {
    std::vector<page_run<Page>> runs;
    const grab_progress p = grab_run<Hold>(first, count, runs);
    auto batch = run_batch<Page, Hold>::adopt(std::move(runs));
    if (p.error != errc::ok) batch.reset();
    return batch_result<run_batch<Page, Hold>>{std::move(batch), p.error, p.done};
}
template <class Hold, class Page>
auto try_grab_run(Page* first, std::size_t count, keep_partial_t) {
    std::vector<page_run<Page>> runs;
    const grab_progress p = grab_run<Hold>(first, count, runs);
    return partial_result<run_batch<Page, Hold>>{run_batch<Page, Hold>::adopt(std::move(runs)), p.error, p.done};
}

}  // namespace detail

/// Effects: one pin per page of first[0, count), speculatively; one RMW per block (per largest batch of a block).
/// The pages are stepped over by the policy's nth(p, k), or p + k. Refusals, errors and orders as try_pin_all.
template <detail::has_policy Page>
auto try_pin_run(Page* first, std::size_t count, all_or_nothing_t how = all_or_nothing) {
    return detail::try_grab_run<typename page_ops<Page>::pinning>(first, count, how);
}
template <detail::has_policy Page>
auto try_pin_run(Page* first, std::size_t count, keep_partial_t how) {
    return detail::try_grab_run<typename page_ops<Page>::pinning>(first, count, how);
}
/// As try_pin_run, for references.
template <detail::has_policy Page>
auto try_get_run(Page* first, std::size_t count, all_or_nothing_t how = all_or_nothing) {
    return detail::try_grab_run<typename page_ops<Page>::reference>(first, count, how);
}
template <detail::has_policy Page>
auto try_get_run(Page* first, std::size_t count, keep_partial_t how) {
    return detail::try_grab_run<typename page_ops<Page>::reference>(first, count, how);
}

}  // namespace pinfold
