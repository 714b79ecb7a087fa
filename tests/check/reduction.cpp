// SPDX-License-Identifier: BSL-1.0
// The reduction loses nothing: with it and without, random programs end in the same ways.
#include <catch2/catch.hpp>

#include "random_program.hpp"

namespace check_reduction {

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

/// Programs that may wait for ever fail with and without the reduction alike; of the others the endings are compared.
static void compare_waiting(int threads, int length, unsigned seeds) {
    unsigned ended = 0;
    for (unsigned seed = 1; seed <= seeds; ++seed) {
        const auto program = random_program::make_waiting(seed, threads, length, seed % 2 == 0);
        pinfold::check::exploration with, without;
        const auto few = random_program::endings(program, true, with);
        const auto many = random_program::endings(program, false, without);
        INFO("seed " << seed << ", " << threads << " threads of " << length);
        INFO(with.text() << without.text());
        REQUIRE(with.found == without.found);
        if (!with) continue;
        REQUIRE(with.proved());
        REQUIRE(without.proved());
        CHECK(few == many);
        ++ended;
    }
    CAPTURE(ended);
    CHECK(ended * 2 > seeds);
}

TEST_CASE("two threads end as they do without the reduction") {
    compare(2, 3, 300);
    compare(2, 4, 60);
}
TEST_CASE("three threads end as they do without the reduction") { compare(3, 2, 200); }
TEST_CASE("four threads end as they do without the reduction") { compare(4, 1, 100); }
TEST_CASE("threads that wait end as they do without the reduction") {
    compare_waiting(2, 1, 60);
    compare_waiting(2, 2, 60);
}

TEST_CASE("who waits may go on after the first of two stores, and need not have seen the second") {
    namespace check = pinfold::check;
    struct words {
        check::word<std::int32_t> x, y, z;
    };
    using program = check::program;
    const auto neither = [](words& w) {
        const auto x = w.x.load_acquire(), y = w.y.load_acquire();
        return x == 0 && y == 0;
    };
    const auto fails = [](const check::body& b) {
        for (const bool reduce : {true, false})
            CHECK(check::explore("two stores", b, {.reduce = reduce}).found == check::fault::assertion);
    };
    fails([&](program& p) {
        auto& w = p.make<words>("words");
        p.thread([&] { w.x.publish(1), w.y.publish(1); });
        p.thread([&] {
            if (!neither(w)) return;
            check::pause();
            const auto x = w.x.load_acquire(), y = w.y.load_acquire();
            check::that(x == 0 || y == 1, "the second store is seen with the first");
        });
    });
    fails([&](program& p) {
        auto& w = p.make<words>("words");
        p.thread([&] {
            if (!neither(w)) return;
            check::pause();
            w.z.publish(1);
        });
        p.thread([&] {
            w.x.publish(1);
            check::that(w.z.load_acquire() == 0, "nobody has gone on yet");
            w.y.publish(1);
        });
    });
    fails([](program& p) {  // asleep: woken by the first of two wakes
        auto& w = p.make<words>("words");
        auto& bell = p.make<check::atomic<int>>("bell", 0);
        p.thread([&] {
            bell.park_while(0);
            w.z.publish(1);
        });
        p.thread([&] {
            bell.store(1, check::order::release), bell.wake();
            check::that(w.z.load_acquire() == 0, "nobody has gone on yet");
            bell.wake();
        });
    });
}

}  // namespace check_reduction
