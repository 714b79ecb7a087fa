// SPDX-License-Identifier: BSL-1.0
// Nobody watches.
#pragma once

#include <cstdint>

namespace pinfold {

enum class hold_kind : unsigned char { reference, pin };

/// A type T is a trace policy if and only if both expressions are valid and do not throw:
///
/// | expression                    | returns | means                                                            |
/// |-------------------------------|---------|------------------------------------------------------------------|
/// | T::granted(head, kind, n)     | void    | n references or pins were taken on head                          |
/// | T::returning(head, kind, n)   | void    | n are about to be given back; called while they still hold head  |
///
/// Minimal model: this.
struct no_trace {
    template <class Page>
    static constexpr void granted(const Page&, hold_kind, std::uint64_t) noexcept {}
    template <class Page>
    static constexpr void returning(const Page&, hold_kind, std::uint64_t) noexcept {}
};

}  // namespace pinfold
