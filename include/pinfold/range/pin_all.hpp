// SPDX-License-Identifier: BSL-1.0
// Pins and references on many pages: all or nothing, or as far as it goes.
#pragma once

#include "batch.hpp"

namespace pinfold {

/// How a refusal in the middle is answered.
struct all_or_nothing_t {
    explicit all_or_nothing_t() = default;
};
struct keep_partial_t {
    explicit keep_partial_t() = default;
};
inline constexpr all_or_nothing_t all_or_nothing{};
inline constexpr keep_partial_t keep_partial{};

/// The result of an all-or-nothing batch: everything, or nothing and the reason. Tests true when granted.
template <class Batch>
struct [[nodiscard]] batch_result {
    Batch batch;
    errc error = errc::ok;
    std::size_t refused_at = 0;  ///< index of the element that was refused; the number of elements when none was

    explicit operator bool() const noexcept { return error == errc::ok; }
};

/// The result of a partial batch: the elements before `refused_at`, which may be all of them.
/// Deliberately not testable as a bool: a short batch is neither success nor failure.
template <class Batch>
struct [[nodiscard]] partial_result {
    Batch batch;
    errc error = errc::ok;
    std::size_t refused_at = 0;

    [[nodiscard]] bool complete() const noexcept { return error == errc::ok; }
};

namespace detail {

template <class R>
auto collect(R& range) {
    std::vector<page_of<R>*> slots;
    if constexpr (ranges::sized_range<R>) slots.reserve(static_cast<std::size_t>(ranges::size(range)));
    const auto end = ranges::end(range);
    for (auto it = ranges::begin(range); it != end; ++it) slots.push_back(page_address(*it));
    return slots;
}

template <class Hold, class R>
auto try_grab_all(R& range, all_or_nothing_t) {
    using batch = page_batch<page_of<R>, Hold>;
    auto slots = collect(range);
    const grab_progress p = grab_array<Hold>(slots.data(), slots.size());
    if (p.error == errc::ok) return batch_result<batch>{batch::adopt(std::move(slots)), errc::ok, p.done};
    release_array<Hold>(slots.data(), p.done);
    return batch_result<batch>{batch{}, p.error, p.done};
}

template <class Hold, class R>
auto try_grab_all(R& range, keep_partial_t) {
    using batch = page_batch<page_of<R>, Hold>;
    auto slots = collect(range);
    const grab_progress p = grab_array<Hold>(slots.data(), slots.size());
    slots.resize(p.done);
    return partial_result<batch>{batch::adopt(std::move(slots)), p.error, p.done};
}

template <class Hold, class R>
auto grab_all_held(R& range) {
    using page = page_of<R>;
    using ops = page_ops<page>;
    auto slots = collect(range);
    (void)for_each_held_run<Hold>(slots, [](page* head, std::size_t n) {
        constexpr std::uint64_t most = largest_grab<Hold, ops>;
        for (std::uint64_t left = n; left != 0;) {
            const std::uint64_t now = left < most ? left : most;
            Hold::grab(ops::count_of(head), *head, now);
            ops::template record<Hold>(head, now);
            left -= now;
        }
    });
    return page_batch<page, Hold>::adopt(std::move(slots));
}

}  // namespace detail

/// Effects: one pin per element, speculatively, one RMW per run of consecutive pages of one head. Null elements are
/// kept as null slots and end a run. On a refusal: all_or_nothing takes back exactly what was added (INV-7);
/// keep_partial keeps the elements before it.
/// Fails when: as page_ops::try_pin, for any element. Throws std::bad_alloc before the first grab.
/// Synchronises: as page_ops::try_pin. Complexity: linear, one RMW per run. Units: pins, one per element.
template <page_range R>
auto try_pin_all(R&& pages, all_or_nothing_t how = all_or_nothing) {
    return detail::try_grab_all<typename page_ops<detail::page_of<R>>::pinning>(pages, how);
}
template <page_range R>
auto try_pin_all(R&& pages, keep_partial_t how) {
    return detail::try_grab_all<typename page_ops<detail::page_of<R>>::pinning>(pages, how);
}

/// As try_pin_all, for references.
template <page_range R>
auto try_get_all(R&& pages, all_or_nothing_t how = all_or_nothing) {
    return detail::try_grab_all<typename page_ops<detail::page_of<R>>::reference>(pages, how);
}
template <page_range R>
auto try_get_all(R&& pages, keep_partial_t how) {
    return detail::try_grab_all<typename page_ops<detail::page_of<R>>::reference>(pages, how);
}

/// Effects: one pin (reference) per element. Requires: evidence about every page. Cannot fail.
template <page_range R>
[[nodiscard]] auto pin_all(held, R&& pages) {
    return detail::grab_all_held<typename page_ops<detail::page_of<R>>::pinning>(pages);
}
template <page_range R>
[[nodiscard]] auto get_all(held, R&& pages) {
    return detail::grab_all_held<typename page_ops<detail::page_of<R>>::reference>(pages);
}

}  // namespace pinfold
