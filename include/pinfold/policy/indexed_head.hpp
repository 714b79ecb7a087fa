// SPDX-License-Identifier: BSL-1.0
// Heads by number: each page stores the index of its head in the array. Source: spec 02 §2, "explicit index".
#pragma once

#include "tagged_head.hpp"

namespace pinfold {

/// Index: pointer to a member that is a count word holding the head's index in the array `Base()` starts; works
/// for arrays in shared memory, where pointers mean nothing, and for arrays that are not contiguous with others.
template <auto Index, auto Base>
struct indexed_head {
    using page = typename detail::member_of<decltype(Index)>::page;
    static constexpr bool stable = false;

    /// Synchronises: acquire, with set.
    template <class Page>
        requires detail::word_member<Index, Page> && requires { { Base() } -> detail::same_pointer<Page>; }
    PINFOLD_DETAIL_HOT static Page* head(Page* p) noexcept {
        return Base() + (p->*Index).load_acquire();
    }

    /// Effects: makes `head` the head of `p`. Requires: the caller owns both alone. Synchronises: release.
    static void set(page& p, page& head) noexcept {
        using value = typename detail::member_of<decltype(Index)>::type::value_type;
        (p.*Index).publish(static_cast<value>(&head - Base()));
    }
};

}  // namespace pinfold
