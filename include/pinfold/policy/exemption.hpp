// SPDX-License-Identifier: BSL-1.0
// Pages whose pins are granted without being counted, e.g. a shared page of zeros. Source: spec 01 §6.
#pragma once

namespace pinfold {

/// A type E is an exemption if and only if `E::of(page)` is a bool, does not throw, and never changes for a page.
/// Pins of an exempt page succeed and change nothing, and so do their releases; references count as ever.
struct nothing_exempt {
    template <class Page>
    static constexpr bool of(const Page&) noexcept {
        return false;
    }
};

/// Exempt are the pages for which IsExempt(const Page&) is true.
template <auto IsExempt>
struct exempt_if {
    template <class Page>
        requires requires(const Page& p) { requires noexcept(static_cast<bool>(IsExempt(p))); }
    static constexpr bool of(const Page& p) noexcept {
        return IsExempt(p);
    }
};

}  // namespace pinfold
