// SPDX-License-Identifier: BSL-1.0
// Compile-time diagnostics of a page policy: the first requirement that fails, as one English sentence.
#pragma once

#include "../count/count.hpp"
#include "../policy/aligned_head.hpp"
#include "../policy/page_bundle.hpp"
#include "drop.hpp"

namespace pinfold {

namespace detail {

enum class page_fault : unsigned char {
    none, no_policy, incomplete, no_page, no_count, bad_count, no_head, throwing_head, tag_not_free, bad_alignment, no_release, not_a_hook,
    bad_value, two_at_once, hook_not_callable, idle_saturates, kind_not_callable, bad_statistics, bad_exempt,
    bad_dirtying, bad_trace, predicate_not_callable
};

template <class>
inline constexpr bool is_count = false;
template <class C, bool V>
inline constexpr bool is_count<count<C, V>> = true;
template <class C>
inline constexpr bool is_broken_count = false;
template <class C>
inline constexpr bool is_broken_count<count<C, false>> = true;

template <class H>
inline constexpr bool is_tagged = false;
template <auto L>
inline constexpr bool is_tagged<tagged_head<L>> = true;

template <class R, class Page, bool Saturates>
struct release_check {
    static consteval page_fault fault() {
        using hooks = hooks_of<R>;
        if constexpr (!hooks::is_hook)
            return page_fault::not_a_hook;
        else if constexpr (!hooks::in_range)
            return page_fault::bad_value;
        else if constexpr (hooks::at_zero > 1 || hooks::at_one > 1)
            return page_fault::two_at_once;
        else if constexpr (!hooks::template callable<Page>)
            return page_fault::hook_not_callable;
        else if constexpr (Saturates && hooks::at_one != 0)
            return page_fault::idle_saturates;
        else
            return page_fault::none;
    }
};
template <class Switch, auto IsDevice, class Device, class Ordinary, class Page, bool Saturates>
struct release_check<by_kind<Switch, IsDevice, Device, Ordinary>, Page, Saturates> {
    static consteval page_fault fault() {
        if constexpr (!requires(const Page& p) { { Switch::on() } -> same<bool>; { IsDevice(p) } -> same<bool>;
                                             requires noexcept(IsDevice(p)); })
            return page_fault::kind_not_callable;
        else if constexpr (release_check<Device, Page, Saturates>::fault() != page_fault::none)
            return release_check<Device, Page, Saturates>::fault();
        else
            return release_check<Ordinary, Page, Saturates>::fault();
    }
};

template <class P, class Page>
consteval page_fault find_head_fault() {
    using head = typename P::head;
    if constexpr (!requires(Page* p) { { head::head(p) } -> same<Page*>; { head::stable } -> same<const bool&>; })
        return page_fault::no_head;
    else if constexpr (!noexcept(head::head(static_cast<Page*>(nullptr))))
        return page_fault::throwing_head;
    else if constexpr (is_tagged<head> && alignof(Page) < 2)
        return page_fault::tag_not_free;
    else if constexpr (requires { head::template fits<Page>; }) {
        if constexpr (!head::template fits<Page>)
            return page_fault::bad_alignment;
        else
            return page_fault::none;
    } else
        return page_fault::none;
}

template <class P, class Page>
consteval page_fault find_rest_fault() {
    if constexpr (!requires(const Page& p) { P::statistics::acquired(p, 1u); P::statistics::released(p, 1u);
                                             requires noexcept(P::statistics::acquired(p, 1u));
                                             requires noexcept(P::statistics::released(p, 1u)); })
        return page_fault::bad_statistics;
    else if constexpr (!requires(const Page& p) { { P::exempt::of(p) } -> same<bool>; requires noexcept(P::exempt::of(p)); })
        return page_fault::bad_exempt;
    else if constexpr (!same<typename P::dirtying, no_dirtying> &&
                       !requires(Page* p) { requires noexcept(P::dirtying::mark(p)); })
        return page_fault::bad_dirtying;
    else if constexpr (!requires(const Page& p) { requires noexcept(P::trace::granted(p, hold_kind::pin, 1u));
                                                  requires noexcept(P::trace::returning(p, hold_kind::pin, 1u)); })
        return page_fault::bad_trace;
    else
        return page_fault::none;
}

template <class P, class Page>
consteval page_fault find_page_fault() {
    if constexpr (same<P, no_policy>)
        return page_fault::no_policy;
    else if constexpr (!requires { sizeof(P); })
        return page_fault::incomplete;
    else if constexpr (!requires { typename P::page; } || !requires { requires same<typename P::page, Page>; })
        return page_fault::no_page;
    else if constexpr (!requires(Page& p) { P::count_of(p).raw(); })
        return page_fault::no_count;
    else {
        using count_type = std::remove_cvref_t<decltype(P::count_of(*static_cast<Page*>(nullptr)))>;
        if constexpr (!is_count<count_type>)
            return page_fault::no_count;
        else if constexpr (is_broken_count<count_type>)
            return page_fault::bad_count;
        else if constexpr (find_head_fault<P, Page>() != page_fault::none)
            return find_head_fault<P, Page>();
        else if constexpr (!requires { typename P::release; })
            return page_fault::no_release;
        else {
            constexpr bool saturates = count_type::traits::overflow == overflow_rule::saturate;
            constexpr page_fault release = release_check<typename P::release, Page, saturates>::fault();
            if constexpr (release != page_fault::none)
                return release;
            else if constexpr (find_rest_fault<P, Page>() != page_fault::none)
                return find_rest_fault<P, Page>();
            else if constexpr (count_type::traits::form == pin_form::hybrid) {
                if constexpr (!requires(const Page& p) {
                                  { count_type::policy::pins::is_large(p) } -> same<bool>;
                                  requires count_type::policy::pins::template callable<Page>;
                              })
                    return page_fault::predicate_not_callable;
                else
                    return page_fault::none;
            } else
                return page_fault::none;
        }
    }
}

}  // namespace detail

/// P is a page policy for Page if and only if it names the count, the head rule, what a release does, statistics,
/// exemption, dirtying and trace of Page: derive it from page_defaults<&Page::count> and override what differs.
/// Minimal model: page_defaults plus `using release = free_at_zero<&fn>`. Non-model: page_defaults alone (no release).
template <class P, class Page = typename P::page>
concept page_policy = detail::find_page_fault<P, Page>() == detail::page_fault::none;

/// Page can be referenced and pinned: it has a policy, and the policy is right.
template <class Page>
concept counted_page = page_policy<policy_of_t<Page>, Page>;

/// Instantiating it yields nothing for a page policy, and exactly one worded error otherwise.
template <class P, class Page = typename P::page>
struct require_page_policy {
private:
    using fault = detail::page_fault;
    static constexpr fault found = detail::find_page_fault<P, Page>();
    static_assert(found != fault::no_policy,
                  "pinfold: this page type has no policy; give it a nested type `pinfold_policy` or specialise "
                  "pinfold::policy_of");
    static_assert(found != fault::incomplete,
                  "pinfold: the page's policy is declared but not defined here; define it before the first use");
    static_assert(found != fault::no_page,
                  "pinfold: a page policy needs `page`, the type it is for; derive it from "
                  "pinfold::page_defaults<&frame::count>");
    static_assert(found != fault::no_count,
                  "pinfold: `count_of(page)` must return the page's pinfold::count<...>");
    static_assert(found != fault::no_head,
                  "pinfold: `head` is not a head rule; it needs Page* head(Page*) and a constant bool `stable`");
    static_assert(found != fault::throwing_head, "pinfold: `head::head` must be noexcept");
    static_assert(found != fault::tag_not_free,
                  "pinfold: tagged_head needs bit 0 of a page's address: the page type must be aligned to 2 or more");
    static_assert(found != fault::bad_alignment,
                  "pinfold: aligned_head without a base needs a page type whose size is a power of two; give it the "
                  "function that returns the first page");
    static_assert(found != fault::no_release,
                  "pinfold: the page policy does not say what happens when the last holder lets go; add `using release "
                  "= pinfold::free_at_zero<&fn>` (or pinfold::no_release)");
    static_assert(found != fault::not_a_hook,
                  "pinfold: `release` is not a release policy; use free_at_zero, idle_at_one, on_release, by_kind or "
                  "no_release");
    static_assert(found != fault::bad_value, "pinfold: a release hook fires at 0 or at 1");
    static_assert(found != fault::two_at_once, "pinfold: two release hooks fire at the same value");
    static_assert(found != fault::hook_not_callable,
                  "pinfold: a release hook must be callable with a page (pointer or reference) and be noexcept");
    static_assert(found != fault::idle_saturates,
                  "pinfold: idle_at_one needs exact values near 1 and does not work with saturate; use refuse");
    static_assert(found != fault::kind_not_callable,
                  "pinfold: by_kind needs Switch::on() and a noexcept predicate callable with `const Page&`, both returning bool");
    static_assert(found != fault::bad_statistics,
                  "pinfold: `statistics` needs noexcept acquired(const Page&, n) and released(const Page&, n)");
    static_assert(found != fault::bad_exempt, "pinfold: `exempt` needs a noexcept bool of(const Page&)");
    static_assert(found != fault::bad_dirtying,
                  "pinfold: `dirtying` needs a noexcept mark(Page*); use dirty_with<&fn> or no_dirtying");
    static_assert(found != fault::bad_trace,
                  "pinfold: `trace` needs noexcept granted and returning (const Page&, hold_kind, n)");
    static_assert(found != fault::predicate_not_callable,
                  "pinfold: the predicate of hybrid_pins must be callable with a page, be noexcept and return bool");
};

}  // namespace pinfold
