// SPDX-License-Identifier: BSL-1.0
// One row of the table of mutants: what is wrong, and the law by whose name the kit rejects it.
#pragma once

#include <catch2/catch.hpp>
#include <pinfold/pinfold.hpp>

#include <pinfold/check.hpp>

#include <chrono>
#include <cstdio>
#include <string>

namespace mutants {

namespace check = pinfold::check;

struct sticky : pinfold::count_defaults {
    static constexpr pinfold::budget budget{.holders = 4, .refs_each = 4, .pins_each = 4, .batch = 4};
};
struct linux_like : sticky {
    using liveness = pinfold::zero_is_dead;
};
struct narrow : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int8_t>;
    using pins = pinfold::overlay_pins<4>;
    static constexpr pinfold::budget budget{.holders = 2, .refs_each = 2, .pins_each = 2, .batch = 2};
};

/// Effects: examines the mutant, prints its row, and requires that the kit names the law.
template <class P, class Subject, unsigned Parts>
void rejected(const char* mutant, const check::law& expected) {
    const auto begin = std::chrono::steady_clock::now();
    const check::report r = check::check_policy<P, Subject, Parts>(mutant);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("  %-52s %-22s %7llu executions %6.2f s\n", mutant, expected.name,
                static_cast<unsigned long long>(r.executions()), took.count());
    INFO(r.text());
    CHECK(!r.passed());
    CHECK(r.broke(expected.name));
    CHECK(r.text().find(expected.name) != std::string::npos);
    CHECK(r.json().find("\"passed\":false") != std::string::npos);
}

}  // namespace mutants
