// SPDX-License-Identifier: BSL-1.0
// Every policy the library ships, put together in a line, and what is asked of each.
#pragma once

#include <catch2/catch.hpp>
#include <pinfold/pinfold.hpp>

#include <pinfold/check.hpp>

#include <cstdio>

namespace shipped {

namespace check = pinfold::check;
using namespace pinfold;

template <class Value, class Pins, class Liveness, class Overflow, unsigned Holders = 4, unsigned Refs = 4,
          unsigned PinsEach = 4, unsigned Batch = 4, bool Blocks = false>
struct policy : count_defaults {
    using word = atomic_word<Value>;
    using pins = Pins;
    using liveness = Liveness;
    using overflow = Overflow;
    static constexpr bool blocks_pins = Blocks;
    static constexpr pinfold::budget budget{Holders, Refs, PinsEach, Batch};
};
template <class Value, class Pins, class Liveness, class Overflow = refuse>
using unstated = policy<Value, Pins, Liveness, Overflow, 0, 0, 0, 1>;
template <class Value, class Pins, class Overflow = refuse>
using unbounded = unstated<Value, Pins, zero_is_dead, Overflow>;

struct never_large {
    template <class Page>
    bool operator()(const Page&) const noexcept {
        return false;
    }
};

template <class P>
void keeps_every_law(const char* name) {
    const check::report r = check::check_policy<P>(name);
    std::printf("  %-44s %8llu executions\n", name, static_cast<unsigned long long>(r.executions()));
    INFO(r.text());
    CHECK(r.passed());
    CHECK(r.json().find("\"passed\":true") != std::string::npos);
}

}  // namespace shipped
