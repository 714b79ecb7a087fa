// SPDX-License-Identifier: BSL-1.0
// Pages to measure with, one type per count policy, and what the same operations are when written by hand.
#pragma once

#include <pinfold/pinfold.hpp>

#include <cstdint>
#include <cstdlib>

#include "paired.hpp"

namespace paired {

/// A page that nobody frees while it is measured. More: what its page policy adds to the defaults.
template <class C = pinfold::count_defaults, class More = pinfold::no_statistics>
struct page_of : pinfold::intrusive {
    pinfold::count<C> count;
    struct pinfold_policy;
};
template <class C, class More>
void freed(page_of<C, More>*) noexcept {
    std::abort();
}
template <class C, class More>
struct page_of<C, More>::pinfold_policy : pinfold::page_defaults<&page_of<C, More>::count> {
    using release = pinfold::free_at_zero<&freed<C, More>>;
    using statistics = More;
};

struct zero_is_dead_count : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
};
struct load_test_count : pinfold::count_defaults {
    using liveness = pinfold::sticky_dead_load_test;
};
struct exact_count : pinfold::count_defaults {
    using pins = pinfold::exact_pins;
};
struct split_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = pinfold::split_word_pins<>;
};
struct unsync_count : pinfold::count_defaults {
    using word = pinfold::unsync_word<std::int32_t>;
};

/// Pins and unpins `page` n times through the library.
template <class Page>
void pin_and_unpin(Page& one, std::uint64_t n) {
    Page* const page = unknown(&one);
    for (std::uint64_t i = 0; i < n; ++i) {
        if (!pinfold::page_ops<Page>::try_pin(page)) std::abort();
        clobber(page);
        pinfold::page_ops<Page>::unpin(page);
        clobber(page);
    }
}

/// The same as bare instructions: the least that anything can take that keeps its count in the page.
inline void floor_pair(std::int32_t& one, std::uint64_t n) {
    std::int32_t* const word = unknown(&one);
    for (std::uint64_t i = 0; i < n; ++i) {
        __atomic_fetch_add(word, 1024, __ATOMIC_SEQ_CST);
        clobber(word);
        __atomic_fetch_sub(word, 1024, __ATOMIC_SEQ_CST);
        clobber(word);
    }
}

/// Adds `units` unless the word is zero or negative: look, then compare-exchange until it holds.
inline bool add_unless_dead(std::int32_t& word, std::int32_t units) {
    std::int32_t seen = __atomic_load_n(&word, __ATOMIC_RELAXED);
    do {
        if (seen <= 0) return false;
    } while (!__atomic_compare_exchange_n(&word, &seen, seen + units, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

/// As the patch of 2019 counts: one compare-exchange of a whole pin.
inline void shape_2019_pair(std::int32_t& one, std::uint64_t n) {
    std::int32_t* const word = unknown(&one);
    for (std::uint64_t i = 0; i < n; ++i) {
        if (!add_unless_dead(*word, 1024)) std::abort();
        clobber(word);
        if (__atomic_sub_fetch(word, 1024, __ATOMIC_SEQ_CST) == 0) std::abort();
        clobber(word);
    }
}

/// As Linux 6 counts: a reference by compare-exchange, the rest of the pin by an add, both given back by one
/// subtraction: three locked instructions.
inline void shape_linux6_pair(std::int32_t& one, std::uint64_t n) {
    std::int32_t* const word = unknown(&one);
    for (std::uint64_t i = 0; i < n; ++i) {
        if (!add_unless_dead(*word, 1)) std::abort();
        __atomic_fetch_add(word, 1023, __ATOMIC_SEQ_CST);
        clobber(word);
        if (__atomic_sub_fetch(word, 1024, __ATOMIC_SEQ_CST) == 0) std::abort();
        clobber(word);
    }
}

}  // namespace paired
