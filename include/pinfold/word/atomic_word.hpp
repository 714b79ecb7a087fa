// SPDX-License-Identifier: BSL-1.0
// The count word for threads of one process.
#pragma once

#include <boost/atomic/atomic.hpp>

#include "boost_word.hpp"

namespace pinfold {

/// A count word on boost::atomic<T>; T is a signed integer of 8, 16, 32 or 64 bits.
/// Synchronises: per operation as in count_word. sizeof equals sizeof(T).
template <class T>
class atomic_word : public detail::boost_word<boost::atomic<T>, T> {
    using base = detail::boost_word<boost::atomic<T>, T>;
    static_assert(boost::atomic<T>::is_always_lock_free, "pinfold: a count word must be lock-free");

public:
    constexpr atomic_word() noexcept = default;
    constexpr explicit atomic_word(T v) noexcept : base(v) {}
};

}  // namespace pinfold
