// SPDX-License-Identifier: BSL-1.0
// Pins and references on pages that follow each other and whose counts lie side by side (policy/packed_counts.hpp):
// one atomic instruction for four of them.
#pragma once

#include <utility>

#include "packed_run.hpp"
#include "pin_all.hpp"

namespace pinfold {

/// Owns one unit of Hold on each of the `size()` pages from `first()`; nothing is allocated for it.
template <packed_page Page, class Hold>
class packed_batch {
public:
    packed_batch() noexcept = default;
    packed_batch(packed_batch&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    packed_batch& operator=(packed_batch&& other) noexcept {
        if (this != &other) {
            reset();
            first_ = std::exchange(other.first_, nullptr);
            size_ = std::exchange(other.size_, 0);
        }
        return *this;
    }
    packed_batch(const packed_batch&) = delete;
    packed_batch& operator=(const packed_batch&) = delete;
    ~packed_batch() { reset(); }

    /// Effects: takes over one unit on each of first[0, n) that somebody else took.
    [[nodiscard]] static packed_batch adopt(Page* first, std::size_t n) noexcept {
        packed_batch b;
        b.first_ = first;
        b.size_ = n;
        return b;
    }
    /// Effects: gives the units to the caller, who owes their release: unpin_packed or put_packed, page by page, or any
    /// partition of the run. Returns: the first page, and how many.
    [[nodiscard]] std::pair<Page*, std::size_t> release() noexcept {
        return {std::exchange(first_, nullptr), std::exchange(size_, 0)};
    }
    /// Effects: gives everything back now.
    void reset() noexcept {
        detail::with_packed_run<Hold, Page>([this](auto run) noexcept { run.drop(first_, size_); });
        first_ = nullptr;
        size_ = 0;
    }
    /// Effects: marks every page dirty, then gives everything back.
    void reset(dirty_t) noexcept
        requires(Hold::kind == hold_kind::pin && detail::has_dirtying<Page>)
    {
        for (std::size_t i = 0; i < size_; ++i)
            if (!Hold::is_exempt(first_[i])) policy_of_t<Page>::dirtying::mark(first_ + i);
        reset();
    }

    [[nodiscard]] Page* first() const noexcept { return first_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    Page* first_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

template <class Hold, class Page>
batch_result<packed_batch<Page, Hold>> try_grab_packed(Page* first, std::size_t n, all_or_nothing_t) noexcept {
    using batch = packed_batch<Page, Hold>;
    const grab_progress p = with_packed_run<Hold, Page>([=](auto run) noexcept { return run.try_grab(first, n); });
    auto got = batch::adopt(first, p.done);
    if (p.error != errc::ok) got.reset();
    return {std::move(got), p.error, p.done};
}
template <class Hold, class Page>
partial_result<packed_batch<Page, Hold>> try_grab_packed(Page* first, std::size_t n, keep_partial_t) noexcept {
    using batch = packed_batch<Page, Hold>;
    const grab_progress p = with_packed_run<Hold, Page>([=](auto run) noexcept { return run.try_grab(first, n); });
    return {batch::adopt(first, p.done), p.error, p.done};
}
template <class Hold, class Page>
packed_batch<Page, Hold> grab_packed(Page* first, std::size_t n) noexcept {
    with_packed_run<Hold, Page>([=](auto run) noexcept { run.grab(first, n); });
    return packed_batch<Page, Hold>::adopt(first, n);
}

}  // namespace detail

/// Effects: one pin on each of first[0, n), speculatively. On a refusal all_or_nothing takes back exactly what was
/// added (INV-7), keep_partial keeps the pages before it. Exempt pages are granted and hold none.
/// Fails when: as page_ops::try_pin, for any page. Never throws.
/// Synchronises: as page_ops::try_pin, page by page; the pages of a group get their pins in one step.
/// Complexity: linear. Counts in a 32-bit atomic_word on x86-64: one RMW for four pages by cmpxchg16b, for two where
/// the processor lacks it; a group is tried once and then counted page by page, so sticky_dead stays wait-free. In a
/// 32-bit unsync_word: vectors, thirty-two pages at a time. Other words, counts of two words, other processors and
/// programs built for ThreadSanitizer (mixed sizes are outside the C++ memory model): one RMW per page.
template <packed_page Page>
auto try_pin_packed(Page* first, std::size_t n, all_or_nothing_t how = all_or_nothing) noexcept {
    return detail::try_grab_packed<typename page_ops<Page>::pinning>(first, n, how);
}
template <packed_page Page>
auto try_pin_packed(Page* first, std::size_t n, keep_partial_t how) noexcept {
    return detail::try_grab_packed<typename page_ops<Page>::pinning>(first, n, how);
}

/// As try_pin_packed, for references.
template <packed_page Page>
auto try_get_packed(Page* first, std::size_t n, all_or_nothing_t how = all_or_nothing) noexcept {
    return detail::try_grab_packed<typename page_ops<Page>::reference>(first, n, how);
}
template <packed_page Page>
auto try_get_packed(Page* first, std::size_t n, keep_partial_t how) noexcept {
    return detail::try_grab_packed<typename page_ops<Page>::reference>(first, n, how);
}

/// Effects: one pin (reference) on each of first[0, n). Requires: evidence about every page. Cannot fail.
template <packed_page Page>
[[nodiscard]] auto pin_packed(held, Page* first, std::size_t n) noexcept {
    return detail::grab_packed<typename page_ops<Page>::pinning>(first, n);
}
template <packed_page Page>
[[nodiscard]] auto get_packed(held, Page* first, std::size_t n) noexcept {
    return detail::grab_packed<typename page_ops<Page>::reference>(first, n);
}

/// Effects: gives one pin (reference) back on each of first[0, n). Any order and partition of what was taken gives the
/// same result (INV-12); each page's release hook runs once, in the thread whose release reached its value.
/// Synchronises: as page_ops::unpin. Complexity: as try_pin_packed; one more RMW for each page that dies.
template <packed_page Page>
void unpin_packed(Page* first, std::size_t n) noexcept {
    detail::with_packed_run<typename page_ops<Page>::pinning, Page>(
        [=](auto run) noexcept { run.drop(first, n); });
}
template <packed_page Page>
void put_packed(Page* first, std::size_t n) noexcept {
    detail::with_packed_run<typename page_ops<Page>::reference, Page>(
        [=](auto run) noexcept { run.drop(first, n); });
}

}  // namespace pinfold
