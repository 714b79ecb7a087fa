// SPDX-License-Identifier: BSL-1.0
// The count word for processes that share the memory it lies in.
#pragma once

#include <boost/atomic/ipc_atomic.hpp>

#include "boost_word.hpp"

namespace pinfold {

/// A count word on boost::ipc_atomic<T>: lock-free and address-free, so it may lie in memory that several
/// processes map at different addresses. Synchronises: as in count_word, between processes too.
template <class T>
class ipc_word : public detail::boost_word<boost::ipc_atomic<T>, T> {
    using base = detail::boost_word<boost::ipc_atomic<T>, T>;
    static_assert(boost::ipc_atomic<T>::is_always_lock_free, "pinfold: a shared count word must be lock-free");

public:
    constexpr ipc_word() noexcept = default;
    constexpr explicit ipc_word(T v) noexcept : base(v) {}
};

}  // namespace pinfold
