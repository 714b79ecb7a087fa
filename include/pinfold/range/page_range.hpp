// SPDX-License-Identifier: BSL-1.0
// What counts as a range of pages, and a run in it: consecutive pages of one head.
#pragma once

#include <cstddef>
#include <type_traits>

#include <range/v3/range/access.hpp>
#include <range/v3/range/concepts.hpp>

#include "../page/ops.hpp"

namespace pinfold {

namespace detail {

/// An element of a range of pages is a page, a pointer to one (may be null), or an owner with get().
template <class T>
concept has_policy = !same<policy_of_t<T>, no_policy>;

template <class Page>
    requires has_policy<Page>
PINFOLD_DETAIL_HOT Page* page_address(Page* element) noexcept {
    return element;
}
template <class Page>
    requires has_policy<Page>
PINFOLD_DETAIL_HOT Page* page_address(Page& element) noexcept {
    return &element;
}
template <class Owner>
    requires(!has_policy<Owner> && requires(const Owner& o) { page_address(o.get()); })
PINFOLD_DETAIL_HOT auto* page_address(const Owner& element) noexcept {
    return element.get();
}

template <class Range>
using page_of = std::remove_pointer_t<decltype(page_address(*ranges::begin(std::declval<Range&>())))>;

}  // namespace detail

/// A type R is a page range if and only if it is an input range (of the standard library or of range-v3) whose
/// elements are pages that have a policy, pointers to them, or owners of them (page_ref, page_pin, intrusive_ptr …).
/// Minimal model: frame*[4]. Non-model: a range that makes pages on the fly (a page has an identity).
template <class R>
concept page_range = ranges::input_range<R> && requires { typename detail::page_of<R>; };

template <class Page, class Hold>
class page_batch;

namespace detail {
template <class>
inline constexpr bool is_batch = false;
template <class Page, class Hold>
inline constexpr bool is_batch<page_batch<Page, Hold>> = true;

template <class T>
inline constexpr bool is_unowned = has_policy<std::remove_pointer_t<std::remove_cvref_t<T>>>;
}  // namespace detail

/// A page range whose elements are pages or pointers to them, not owners, and which is no batch: what it names may be
/// released by hand, because nothing else is going to release it.
template <class R>
concept unowned_page_range = page_range<R> && !detail::is_batch<std::remove_cvref_t<R>> &&
                             detail::is_unowned<decltype(*ranges::begin(std::declval<R&>()))>;

/// A run: `count` pages of the block of `head`, the first of them `first`, one after the other.
template <class Page>
struct page_run {
    Page* head = nullptr;
    Page* first = nullptr;
    std::size_t count = 0;

    friend bool operator==(const page_run&, const page_run&) = default;
};

namespace detail {

/// The k-th page after p. Policies whose page array is not contiguous say how to step: `P::nth(p, k)`.
template <class Page>
PINFOLD_DETAIL_HOT Page* nth_page(Page* p, std::size_t k) noexcept {
    using policy = policy_of_t<Page>;
    if constexpr (requires { { policy::nth(p, k) } -> same<Page*>; })
        return policy::nth(p, k);
    else
        return p + k;
}

/// Pages from p to the end of its block, at most `most`, counted without touching them where the head rule knows.
template <class Page>
std::size_t extent(Page* p, Page* head, std::size_t most) noexcept {
    using rule = typename policy_of_t<Page>::head;
    if constexpr (requires { rule::extent(p); }) {
        const std::size_t n = rule::extent(p);
        return n < most ? n : most;
    } else if constexpr (same<rule, self_head>) {
        return 1;
    } else {
        std::size_t n = 1;
        while (n < most && rule::head(nth_page(p, n)) == head) ++n;
        return n;
    }
}

}  // namespace detail

}  // namespace pinfold
