// SPDX-License-Identifier: BSL-1.0
// The count word the explorer swaps in: the product's own word, orders included, on an explored atomic.
#pragma once

#include <cstdint>

#include "../word/atomic_word.hpp"
#include "../word/boost_word.hpp"
#include "../word/ipc_word.hpp"
#include "atomic.hpp"

namespace pinfold::check {

/// A count word whose accesses are steps of the explorer. Synchronises: as boost_word says, since it is one.
/// Only the fences are its own: where a processor's read-modify-write already is a fence, rmw_fence() compiles to
/// nothing; in the C++ model, which is explored, it never is.
template <class T>
class word : public pinfold::detail::boost_word<atomic<T>, T> {
    using base = pinfold::detail::boost_word<atomic<T>, T>;

public:
    word() noexcept = default;
    explicit word(T v) noexcept : base(v) {}

    static void rmw_fence() noexcept { fence(order::seq_cst); }
    static void full_fence() noexcept { fence(order::seq_cst); }
};

/// Which word stands for W in an exploration: member `type`. By default word<value_type>, whatever W is. Specialise it
/// for a word of your own that is written as a template over its atomic, and its orders are explored too:
///   template <class T> struct pinfold::check::explored_word<my_word<boost::atomic<T>, T>>
///   { using type = my_word<pinfold::check::atomic<T>, T>; };
template <class W>
struct explored_word {
    using type = word<typename W::value_type>;
};

}  // namespace pinfold::check
