// SPDX-License-Identifier: BSL-1.0
// Heads by order: each page stores the order of its block. Source: spec 02 §2, "order field".
#pragma once

#include <cstddef>

#include "tagged_head.hpp"

namespace pinfold {

/// Order: pointer to a member that is a count word holding the order of the block the page belongs to, valid in
/// every page of the block; blocks are naturally aligned in the array `Base()` starts.
template <auto Order, auto Base>
struct ordered_head {
    using page = typename detail::member_of<decltype(Order)>::page;
    static constexpr bool stable = false;

    /// Synchronises: acquire, with whoever published the order.
    template <class Page>
        requires detail::word_member<Order, Page> && requires { { Base() } -> detail::same_pointer<Page>; }
    PINFOLD_DETAIL_HOT static Page* head(Page* p) noexcept {
        Page* const first = Base();
        const auto index = static_cast<std::size_t>(p - first);
        const auto order = (p->*Order).load_acquire();  // read once: it may change the next instant
        return first + ((index >> order) << order);
    }
};

}  // namespace pinfold
