// SPDX-License-Identifier: BSL-1.0
// How a page is marked dirty before its pin is given back. Source: spec 06 §9.
#pragma once

#include "release_hooks.hpp"

namespace pinfold {

/// There is no dirty mark: the dirty forms of release do not exist.
struct no_dirtying {};

/// Fn(head) marks the page dirty; it is called before the pin is dropped, because afterwards nobody may touch the
/// page. It may take locks, and is called once per run of pages of one head.
template <auto Fn>
struct dirty_with {
    template <class Page>
        requires detail::hook_callable<Fn, Page>
    static constexpr void mark(Page* head) noexcept {
        detail::call_hook<Fn>(head);
    }
};

}  // namespace pinfold
