// SPDX-License-Identifier: BSL-1.0
// Pins are not counted anywhere.
#pragma once

#include <cstdint>

namespace pinfold {

/// A type S is a statistics policy if and only if both expressions are valid and do not throw:
///
/// | expression             | returns | means                                                                      |
/// |------------------------|---------|----------------------------------------------------------------------------|
/// | S::acquired(head, n)   | void    | n pins were taken on head and will be given back                           |
/// | S::released(head, n)   | void    | n pins are being given back; called before the page can be freed (DEF-11)  |
///
/// An attempt that was refused or undone is counted on neither side (spec 01 §8). Minimal model: this.
struct no_statistics {
    template <class Page>
    static constexpr void acquired(const Page&, std::uint64_t) noexcept {}
    template <class Page>
    static constexpr void released(const Page&, std::uint64_t) noexcept {}
};

}  // namespace pinfold
