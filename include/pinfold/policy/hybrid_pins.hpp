// SPDX-License-Identifier: BSL-1.0
// Exact pins where there is room, the overlay elsewhere: Linux since 5.7. Source: spec 01 §1.
#pragma once

#include <cstdint>
#include <type_traits>

#include "pin_form.hpp"

namespace pinfold {

/// Exact for every head for which `IsLarge(head)` is true, overlay<Bias> for the rest.
/// Requires: IsLarge takes `const Page&` or `const Page*`, does not throw, and its answer does not change while the
/// head is held: a grab and its release must take the same branch.
template <auto IsLarge, std::int64_t Bias = 1024>
struct hybrid_pins {
    static constexpr pin_form form = pin_form::hybrid;
    static constexpr std::int64_t bias = Bias;
    using rule = std::remove_cvref_t<decltype(IsLarge)>;

    template <class Page>
    static constexpr bool callable = [] {
        if constexpr (requires(const Page& p) { IsLarge(p); })
            return noexcept(IsLarge(*static_cast<const Page*>(nullptr)));
        else if constexpr (requires(const Page* p) { IsLarge(p); })
            return noexcept(IsLarge(static_cast<const Page*>(nullptr)));
        else
            return false;
    }();

    template <class Page>
    static constexpr bool is_large(const Page& head) noexcept {
        if constexpr (requires { IsLarge(head); })
            return IsLarge(head);
        else
            return IsLarge(&head);
    }
};

/// The same, both counts in one word: references in its upper half, exact pins in the lower one. A pin of a large head is
/// then one atomic instruction, not two, and is given back by one. Requires: a word twice as wide as the count needs
/// (64 bits count as hybrid_pins does with 32), zero_is_dead or sticky_dead_within, and no saturate.
template <auto IsLarge, std::int64_t Bias = 1024>
struct hybrid_word_pins : hybrid_pins<IsLarge, Bias> {
    static constexpr bool joined = true;
};

}  // namespace pinfold
