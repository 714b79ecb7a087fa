// SPDX-License-Identifier: BSL-1.0
// Blocks of a fixed order: the head is found by rounding down, no word is read. Source: spec 02 §2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tagged_head.hpp"

namespace pinfold {

/// Every 2^Order consecutive pages of an array form one block for ever.
/// Base: nullptr when the array itself starts at a multiple of sizeof(Page) << Order and sizeof(Page) is a power of
/// two; otherwise a function that returns the first page of the array.
template <unsigned Order, auto Base = nullptr>
struct aligned_head {
    static constexpr bool stable = true;
    static constexpr std::size_t pages = std::size_t{1} << Order;
    static constexpr bool has_base = !std::is_same_v<decltype(Base), std::nullptr_t>;

    template <class Page>
        requires(!has_base || requires { { Base() } -> detail::same_pointer<Page>; })
    static Page* head(Page* p) noexcept {
        if constexpr (has_base) {
            Page* const first = Base();
            const auto index = static_cast<std::size_t>(p - first);
            return first + (index & ~(pages - 1));
        } else {
            const auto mask = static_cast<std::uintptr_t>(sizeof(Page) * pages - 1);
            return reinterpret_cast<Page*>(reinterpret_cast<std::uintptr_t>(p) & ~mask);
        }
    }

    /// Returns: pages from p to the end of its block, p included.
    template <class Page>
    static std::size_t extent(Page* p) noexcept {
        return pages - static_cast<std::size_t>(p - head(p));
    }

    /// Whether the rule works for this page type without a base.
    template <class Page>
    static constexpr bool fits = has_base || (sizeof(Page) & (sizeof(Page) - 1)) == 0;
};

}  // namespace pinfold
