// SPDX-License-Identifier: BSL-1.0
// What the kit examines: a policy, and the code that counts by it. The code is the library's unless somebody brings
// another, as the tests of the kit itself do.
#pragma once

#include <cstdint>

#include "../count/count.hpp"
#include "../page/ops.hpp"
#include "../word/unsync_word.hpp"
#include "../policy/exemption.hpp"
#include "../policy/page_bundle.hpp"
#include "../policy/release_hooks.hpp"
#include "../policy/tagged_head.hpp"
#include "explore.hpp"

namespace pinfold::check {

/// The lockless walk on one entry: pin what the entry names, then look again (spec 01 §3, spec 05). The step that
/// may fail stands for every check after the pin; what it refuses is given back as what it was.
template <class Count>
struct walk {
    template <class Entry>
    static bool take(Count& c, Entry& entry, bool step_fails, bool large) {
        const auto seen = entry.load_acquire();
        if (seen == 0 || !c.try_pin(1, large)) return false;
        Count::fence();
        if (entry.load() == seen && !step_fails) return true;
        (void)c.unpin(1, large);
        return false;
    }
};

/// A run of n pages of one block, each to be given back on its own: n pins on the head.
template <class Ops>
struct run_of_pages {
    template <class Page>
    static bool take(Page* first, std::uint64_t n, bool step_fails) {
        if (!Ops::try_pin(first, n)) return false;
        if (!step_fails) return true;
        Ops::unpin(first, n);
        return false;
    }
};

/// The library's own code. Derive from it and replace a member to examine something else.
struct library {
    /// The count under a policy Q: the policy examined, with another word or warning sink.
    template <class Q>
    using count = pinfold::count<Q>;
    /// The explored word that stands for W.
    template <class W>
    using word = typename explored_word<W>::type;
    template <class Page>
    using ops = page_ops<Page>;
    template <class Count>
    using walk = check::walk<Count>;
    template <class Ops>
    using run_of_pages = check::run_of_pages<Ops>;
};

/// Counts the warnings of laws in which overflow is meant.
struct noted_warnings {
    static inline thread_local int seen = 0;
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen; }
};

namespace detail {

/// P for one thread.
template <class P>
struct alone : P {
    using word = unsync_word<typename P::word::value_type>;
    using warnings = noted_warnings;
};
/// P for the explorer, on the word the subject gives it.
template <class P, class Subject>
struct together : P {
    using word = typename Subject::template word<typename P::word>;
    using warnings = check::warnings;
};
template <class P, class Subject>
struct together_at_the_limit : together<P, Subject> {
    using warnings = noted_warnings;
};

}  // namespace detail

}  // namespace pinfold::check
