// SPDX-License-Identifier: BSL-1.0
// The reduction loses nothing: with it and without, random programs end in the same ways.
#include <catch2/catch.hpp>

#include "random_program.hpp"

static void compare(int threads, int length, unsigned seeds) {
    std::uint64_t reduced = 0, all = 0;
    for (unsigned seed = 1; seed <= seeds; ++seed) {
        const auto program = random_program::make(seed, threads, length, seed % 2 == 0);
        pinfold::check::exploration with, without;
        const auto few = random_program::endings(program, true, with);
        const auto many = random_program::endings(program, false, without);
        INFO("seed " << seed << ", " << threads << " threads of " << length);
        REQUIRE(with.proved());
        REQUIRE(without.proved());
        CHECK(few == many);
        reduced += with.executions + with.redundant, all += without.executions;
    }
    CAPTURE(reduced, all);
    CHECK(reduced * 2 < all);
}

TEST_CASE("two threads end as they do without the reduction") {
    compare(2, 3, 300);
    compare(2, 4, 60);
}
TEST_CASE("three threads end as they do without the reduction") { compare(3, 2, 200); }
TEST_CASE("four threads end as they do without the reduction") { compare(4, 1, 100); }
