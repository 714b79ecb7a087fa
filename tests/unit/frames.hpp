// SPDX-License-Identifier: BSL-1.0
// What tests of pages share: hooks that remember what they were called with.
#pragma once

#include <vector>

#include "recorder.hpp"

namespace testing {

/// A hook that remembers. Tag: one memory per tag.
template <class Tag>
struct called {
    static inline std::vector<const void*> pages;
    static void reset() { pages.clear(); }
    static int times() { return static_cast<int>(pages.size()); }
    template <class Page>
    static void remember(Page* p) noexcept {
        pages.push_back(p);
    }
};

/// Runs something at the n-th access to a word that has this probe.
template <class Tag>
struct interrupt {
    static inline int countdown = -1;
    static inline void (*then)() = nullptr;
    static inline int accesses = 0;
    static void at(int access, void (*what)()) { countdown = access, then = what; }
    static bool came() { return countdown < 0; }
    static void before(pinfold::word_access, const void*, std::int64_t) {
        ++accesses;
        if (countdown < 0 || countdown-- != 0) return;
        then();
    }
};

}  // namespace testing
