// SPDX-License-Identifier: BSL-1.0
// Evidence that a page is alive: what the forms that cannot fail ask for.
#pragma once

#include "../core/contract.hpp"

namespace pinfold {

template <class Page>
class page_ref;
template <class Page>
class page_pin;

/// A token that says "something of mine keeps this page from reaching zero": a reference, a pin, or a lock under
/// which it cannot be unmapped. Empty: passing it costs nothing. It proves nothing about *which* page; that is the
/// caller's promise, and broken promises are reported by the count (WARN:GRAB:negative).
class held {
public:
    template <class Page>
    constexpr held([[maybe_unused]] const page_ref<Page>& r) noexcept {
        PINFOLD_ASSERT(static_cast<bool>(r));
    }
    template <class Page>
    constexpr held([[maybe_unused]] const page_pin<Page>& p) noexcept {
        PINFOLD_ASSERT(static_cast<bool>(p));
    }

    /// Evidence from a lock guard that is held now and until the operation is over.
    template <class Lock>
    [[nodiscard]] static constexpr held under([[maybe_unused]] const Lock& lock) noexcept {
        if constexpr (requires { lock.owns_lock(); }) PINFOLD_ASSERT(lock.owns_lock());
        return held{};
    }

    /// Danger: evidence the compiler cannot see, e.g. a raw reference counted elsewhere.
    [[nodiscard]] static constexpr held assumed() noexcept { return held{}; }

private:
    constexpr held() noexcept = default;
};

}  // namespace pinfold
