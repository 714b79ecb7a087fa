// SPDX-License-Identifier: BSL-1.0
// With the library's assertions on: under every interleaving no precondition is broken by code that keeps the rules,
// and one that is broken is reported with its schedule.
#include <catch2/catch.hpp>
#include <pinfold/pinfold.hpp>

#include <pinfold/check.hpp>

static_assert(PINFOLD_CHECKS == 1);

namespace check = pinfold::check;

namespace {
struct counted : pinfold::count_defaults {
    static constexpr pinfold::budget budget{.holders = 4, .refs_each = 4, .pins_each = 4, .batch = 4};
};
struct page {
    pinfold::count<check::explored<counted>> count;
    check::lifetime life;
};
}  // namespace

TEST_CASE("pin, unpin and free break no precondition") {
    const auto r = check::explore("pin, unpin, free", [](check::program& p) {
        auto& g = p.make<page>("page");
        g.count.init(1);
        p.thread([&g] {
            const auto got = g.count.try_pin();
            const auto reached = got ? g.count.unpin() : got.undo;
            if (reached == pinfold::crossing::zero) g.life.end();
        });
        p.thread([&g] {
            g.count.get();
            if (g.count.put(2) == pinfold::crossing::zero) g.life.end();
        });
        p.at_end([&g] { check::that(!g.life.alive(), "the page is freed"); });
    });
    INFO(r.text());
    CHECK(r.proved());
}

TEST_CASE("a release of what is not held is a broken precondition with a schedule") {
    const auto r = check::explore("too many releases", [](check::program& p) {
        auto& g = p.make<page>("page");
        g.count.init(1);
        p.thread([&g] { (void)g.count.put(1); });
        p.thread([&g] { g.count.get(1), (void)g.count.put(2); });
    });
    CHECK(r.found == check::fault::precondition);
    CHECK(!r.schedule.empty());
}
