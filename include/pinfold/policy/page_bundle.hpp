// SPDX-License-Identifier: BSL-1.0
// The policy of a page type: a plain struct of aliases that inherits defaults.
#pragma once

#include "dirtying.hpp"
#include "exemption.hpp"
#include "no_statistics.hpp"
#include "no_trace.hpp"
#include "self_head.hpp"
#include "tagged_head.hpp"

namespace pinfold {

/// Derive from it and name what differs; `release` has no default, because forgetting it leaks every page:
///   struct pool_policy : pinfold::page_defaults<&frame::count> {
///       using release = pinfold::free_at_zero<&give_back>;
///   };
/// CountMember: the member of the page that is its pinfold::count. Override `count_of` when it lies elsewhere.
template <auto CountMember>
struct page_defaults {
    using page = typename detail::member_of<decltype(CountMember)>::page;
    using head = self_head;
    using statistics = no_statistics;
    using exempt = nothing_exempt;
    using dirtying = no_dirtying;
    using trace = no_trace;

    template <class Page>
    static constexpr auto& count_of(Page& p) noexcept {
        return p.*CountMember;
    }
};

/// Which policy belongs to a page type: its nested type `pinfold_policy`, or a specialisation of this template with
/// a member `type`.
template <class Page>
struct policy_of {};
template <class Page>
    requires requires { typename Page::pinfold_policy; }
struct policy_of<Page> {
    using type = typename Page::pinfold_policy;
};

namespace detail {
struct no_policy {};
template <class Page>
struct policy_or_none {
    using type = no_policy;
};
template <class Page>
    requires requires { typename policy_of<Page>::type; }
struct policy_or_none<Page> : policy_of<Page> {};
}  // namespace detail

/// The policy of Page; detail::no_policy, which is no page policy, when it has none.
template <class Page>
using policy_of_t = typename detail::policy_or_none<Page>::type;

}  // namespace pinfold
