// SPDX-License-Identifier: BSL-1.0
// How a range of held pages falls into runs: consecutive pages of one head.
#pragma once

#include <range/v3/range/primitives.hpp>

#include "singles.hpp"

namespace pinfold::detail {

/// Whether a range is an array of page pointers.
template <class R>
concept page_array = ranges::contiguous_range<R> && ranges::sized_range<R> &&
                     same<std::remove_cvref_t<decltype(*ranges::begin(std::declval<R&>()))>, page_of<R>*>;

/// Effects: calls f(head, n) for each maximal run of n consecutive elements of one head. Null elements are skipped
/// and end a run (DEF-M5); so do pages that Hold does not count. Requires: every page is held by the caller.
/// Returns: elements that are not null.
template <class Hold, class Page, class F>
std::size_t for_each_held_run(Page* const* pages, std::size_t n, F f) {
    using ops = page_ops<Page>;
    std::size_t seen = 0;
    std::size_t look_again = 0;
    for (std::size_t i = 0; i < n;) {
        if (singles<Hold, Page> few; i >= look_again && few.look(pages + i, n - i)) {
#pragma GCC unroll 8
            for (std::size_t k = 0; k < singles_at_once; ++k) f(few.heads[k], 1);
            seen += singles_at_once;
            i += singles_at_once;
            continue;
        }
        if (i >= look_again) look_again = i + singles_at_once;
        if (pages[i] == nullptr || Hold::is_exempt(*pages[i])) {
            seen += pages[i] != nullptr;
            ++i;
            continue;
        }
        Page* const head = ops::head(pages[i]);
        const std::size_t first = i;
        while (++i < n && pages[i] != nullptr && !Hold::is_exempt(*pages[i]) && ops::head(pages[i]) == head) {
        }
        f(head, i - first);
        seen += i - first;
    }
    return seen;
}

/// The same for any range of pages.
template <class Hold, page_range R, class F>
std::size_t for_each_held_run(R&& range, F f) {
    using page = page_of<R>;
    if constexpr (page_array<R>) {
        return for_each_held_run<Hold, page>(ranges::data(range), static_cast<std::size_t>(ranges::size(range)), f);
    } else {
        page* head = nullptr;
        std::size_t n = 0;
        std::size_t seen = 0;
        const auto flush = [&] {
            if (n != 0) f(head, n);
            n = 0;
        };
        const auto end = ranges::end(range);
        for (auto it = ranges::begin(range); it != end; ++it) {
            page* const p = page_address(*it);
            if (p == nullptr || Hold::is_exempt(*p)) {
                flush();
                seen += p != nullptr;
                continue;
            }
            ++seen;
            page* const h = page_ops<page>::head(p);
            if (n != 0 && h == head) {
                ++n;
            } else {
                flush();
                head = h;
                n = 1;
            }
        }
        flush();
        return seen;
    }
}

}  // namespace pinfold::detail
