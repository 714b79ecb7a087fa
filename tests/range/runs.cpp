// SPDX-License-Identifier: BSL-1.0
// The contiguous form: (head, first, count) instead of slots.
#include <catch2/catch.hpp>

#include <array>

#include "pages.hpp"

namespace range_runs {

using namespace range_test;
using namespace pinfold;

TEST_CASE("a contiguous range becomes one run per block and batch") {
    memory m;
    {
        const auto got = try_pin_run(m[6], 12);
        REQUIRE(got);
        // two single pages, the block of eight in batches of at most five, two pages of the next block
        const std::vector<page_run<frame>> expected{
            {m[6], m[6], 1}, {m[7], m[7], 1}, {m[8], m[8], 5}, {m[8], m[13], 3}, {m[16], m[16], 2}};
        CHECK(got.batch.runs() == expected);
        CHECK(got.batch.pages() == 12);
        CHECK(m.raw(8) == 1 + 8 * 1024);
        CHECK(m.raw(16) == 1 + 2 * 1024);
    }
    CHECK(m.at_baseline());
}

TEST_CASE("a contiguous range refused in the middle: nothing, or the runs before it") {
    memory m;
    (void)m.frames[17 - 1].count.put();  // the second block dies
    const auto none = try_pin_run(m[12], 8);
    CHECK_FALSE(none);
    CHECK(none.refused_at == 4);
    CHECK(none.batch.pages() == 0);
    CHECK(m.raw(8) == 1);
    {
        const auto some = try_get_run(m[12], 8, keep_partial);
        CHECK(some.refused_at == 4);
        CHECK(some.batch.pages() == 4);
        CHECK(m.raw(8) == 5);
    }
    CHECK(m.raw(8) == 1);
}

TEST_CASE("a slot batch tells its runs, and runs are given back one by one") {
    memory m;
    const std::array<frame*, 5> pages{m[8], m[9], nullptr, m[11], m[2]};
    auto got = try_pin_all(pages);
    const auto runs = got.batch.runs();
    const std::vector<page_run<frame>> expected{{m[8], m[8], 2}, {m[8], m[11], 1}, {m[2], m[2], 1}};
    CHECK(runs == expected);
    (void)got.batch.release();
    for (const auto& r : runs) unpin_run(r);
    CHECK(m.at_baseline());
}

TEST_CASE("a dirty release of runs marks the heads") {
    memory m;
    auto got = try_pin_run(m[8], 4);
    REQUIRE(got);
    got.batch.reset(dirty);
    CHECK(m.frames[8].dirtied == 1);
    CHECK(m.at_baseline());
}

TEST_CASE("an exempt page within a block is in no run, and holds no pin") {
    memory m;
    m.frames[10].zero = true;
    {
        const auto got = try_pin_run(m[8], 4);
        REQUIRE(got);
        CHECK(got.batch.runs() == std::vector<page_run<frame>>{{m[8], m[8], 2}, {m[8], m[11], 1}});
        CHECK(m.raw(8) == 1 + 3 * 1024);
    }
    CHECK(m.at_baseline());
    auto batch = try_pin_all(std::array{m[8], m[9], m[10], m[11]});
    REQUIRE(batch);
    const auto runs = batch.batch.runs();
    CHECK(runs == std::vector<page_run<frame>>{{m[8], m[8], 2}, {m[8], m[11], 1}});
    (void)batch.batch.release();
    for (const auto& r : runs) unpin_run(r);
    CHECK(m.at_baseline());
}

TEST_CASE("zero pages are granted") {
    memory m;
    const auto got = try_pin_run(m[0], 0);
    CHECK(got);
    CHECK(got.batch.pages() == 0);
}

namespace stepped {

// Pages that lie two apart: the policy steps.
struct cell;
void drop_it(cell&) noexcept;
struct cell {
    count<> c;
    using pinfold_policy = struct cell_policy;
};
struct cell_policy : page_defaults<&cell::c> {
    using release = free_at_zero<&drop_it>;
    static cell* nth(cell* p, std::size_t k) noexcept { return p + 2 * k; }
};
void drop_it(cell&) noexcept {}

}  // namespace stepped

TEST_CASE("a policy that knows how to step is asked for the next page") {
    std::vector<stepped::cell> cells(8);
    for (auto& c : cells) c.c.init();
    const auto got = try_pin_run(&cells[0], 4);
    REQUIRE(got);
    for (std::size_t i = 0; i < 8; ++i) CHECK(cells[i].c.raw() == (i % 2 == 0 ? 1025 : 1));
}

namespace aligned {

struct cell;
void drop_it(cell&) noexcept;
cell* base() noexcept;
struct cell {
    count<> c;
    using pinfold_policy = struct cell_policy;
};
struct cell_policy : page_defaults<&cell::c> {
    using head = aligned_head<2, &base>;
    using release = free_at_zero<&drop_it>;
};
void drop_it(cell&) noexcept {}
std::vector<cell> cells(16);
cell* base() noexcept { return cells.data(); }

}  // namespace aligned

TEST_CASE("an aligned block is pinned by one grab of its whole rest") {
    for (std::size_t i = 0; i < 16; i += 4) aligned::cells[i].c.init();
    const auto got = try_pin_run(&aligned::cells[2], 7);
    REQUIRE(got);
    REQUIRE(got.batch.runs().size() == 3);
    CHECK(got.batch.runs()[0].count == 2);
    CHECK(got.batch.runs()[1].count == 4);
    CHECK(got.batch.runs()[2].count == 1);
    CHECK(aligned::cells[4].c.raw() == 1 + 4 * 1024);
}

}  // namespace range_runs
