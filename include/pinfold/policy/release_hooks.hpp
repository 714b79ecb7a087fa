// SPDX-License-Identifier: BSL-1.0
// What happens when a count comes to rest: hooks that declare the value they fire at. Idle and zero are one
// mechanism. Source: spec 03 §3, R-02 … R-04.
#pragma once

#include <type_traits>

namespace pinfold {

namespace detail {

template <auto Fn, class Page>
constexpr void call_hook(Page* head) noexcept {
    if constexpr (requires { Fn(head); })
        Fn(head);
    else
        Fn(*head);
}
template <auto Fn, class Page>
inline constexpr bool hook_callable = [] {
    if constexpr (requires(Page* p) { Fn(p); })
        return noexcept(Fn(static_cast<Page*>(nullptr)));
    else if constexpr (requires(Page& p) { Fn(p); })
        return noexcept(Fn(*static_cast<Page*>(nullptr)));
    else
        return false;
}();

}  // namespace detail

/// A type R is a release hook if and only if
///
/// | expression             | returns | means                                                               |
/// |------------------------|---------|---------------------------------------------------------------------|
/// | R::fires_at            | int     | the value of the count, 0 or 1, whose reaching calls the hook        |
/// | R::fire(head)          | void    | called once per crossing, by the thread whose release crossed        |
/// | R::callable<Page>      | bool    | fire can be called with a Page* and does not throw                   |
///
/// The caller guarantees: nobody else holds the head, so its count is stable while the hook runs (at 1: only the
/// owner's own baseline is left; new references come through the owner or a mapping the owner controls).
/// The hook neither counts nor decides: it acts.
template <int Value, auto Fn>
struct fire_at {
    static constexpr int fires_at = Value;

    template <class Page>
    static constexpr bool callable = detail::hook_callable<Fn, Page>;

    template <class Page>
    static constexpr void fire(Page* head) noexcept {
        detail::call_hook<Fn>(head);
    }
};

/// Fn(head) frees the page: called by the one thread whose release killed it.
template <auto Fn>
using free_at_zero = fire_at<0, Fn>;

/// Fn(head) is told that the page is idle: only its baseline of 1 is left (device-managed pages).
template <auto Fn>
using idle_at_one = fire_at<1, Fn>;

/// Several hooks on one page, one per value: on_release<idle_at_one<&wake>, free_at_zero<&gone>>.
template <class... Hooks>
struct on_release {};

/// Nothing happens at zero. Danger: pages leak unless their owner watches the count.
struct no_release {};

}  // namespace pinfold
