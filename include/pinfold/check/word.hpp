// SPDX-License-Identifier: BSL-1.0
// The count word the explorer swaps in: the product's own word, orders included, on an explored atomic.
#pragma once

#include <cstdint>

#include "../word/atomic_word.hpp"
#include "../word/boost_word.hpp"
#include "../word/ipc_word.hpp"
#include "../word/probed_word.hpp"
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

/// Which word stands for W in an exploration: member `type`. None by default, since to explore another word in place of
/// yours would prove nothing about yours. Specialise it for a word of your own that is written as a template over its
/// atomic, and its operations and orders are what is explored:
///   template <class T> struct pinfold::check::explored_word<my_word<boost::atomic<T>, T>>
///   { using type = my_word<pinfold::check::atomic<T>, T>; };
template <class W>
struct explored_word {};

template <class T>
struct explored_word<atomic_word<T>> {
    using type = word<T>;
};
template <class T>
struct explored_word<ipc_word<T>> {
    using type = word<T>;
};
template <class T>
struct explored_word<word<T>> {
    using type = word<T>;
};
/// Probes would be asked outside the explorer's order: what they watch is explored without them.
template <class W, class Probe>
struct explored_word<probed_word<W, Probe>> : explored_word<W> {};

}  // namespace pinfold::check
