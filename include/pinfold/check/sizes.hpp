// SPDX-License-Identifier: BSL-1.0
// Pages of two sizes for pins that ask how large a page is: the policy's scheme, its question put to the kit's own pages.
#pragma once

#include <type_traits>

#include "../policy/count_traits.hpp"
#include "../policy/hybrid_pins.hpp"

namespace pinfold::check::detail {

/// A page of the kit has a word `size`, 1 where it is large.
struct asks_size {
    template <class Page>
    bool operator()(const Page& p) const noexcept {
        return p.size.load_acquire() != 0;
    }
};
template <class Q>
struct with_two_sizes : Q {
    using pins = hybrid_pins<asks_size{}, Q::pins::bias>;
};
/// Q, which is P with other words, for the kit's pages.
template <class P, class Q>
using with_sizes = typename std::conditional_t<count_traits<P>::form == pin_form::hybrid, std::type_identity<with_two_sizes<Q>>,
                                               std::type_identity<Q>>::type;

}  // namespace pinfold::check::detail
