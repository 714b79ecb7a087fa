// SPDX-License-Identifier: BSL-1.0
// Batches over ranges of every kind: what is counted, what a refusal leaves, what a release gives back.
#include <catch2/catch.hpp>

#include <array>
#include <forward_list>
#include <iterator>
#include <list>
#include <sstream>

#include <range/v3/view/filter.hpp>
#include <range/v3/view/istream.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/transform.hpp>

#include "pages.hpp"

namespace range_batches {

using namespace range_test;
using namespace pinfold;

TEST_CASE("consecutive pages of one head are counted on the head, one unit each") {
    memory m;
    const std::array pages{m[0], m[8], m[9], m[10], m[1]};
    {
        const auto got = try_pin_all(pages);
        REQUIRE(got);
        CHECK(got.refused_at == 5);
        CHECK(m.raw(0) == 1025);
        CHECK(m.raw(8) == 1 + 3 * 1024);
        CHECK(m.raw(1) == 1025);
        CHECK(tally::acquired_pins == 5);
    }
    CHECK(m.at_baseline());
}

TEST_CASE("a run longer than the largest batch is granted in several") {
    memory m;
    std::vector<frame*> whole;
    for (std::size_t i = 8; i < 16; ++i) whole.push_back(m[i]);
    for (std::size_t i = 8; i < 16; ++i) whole.push_back(m[i]);
    {
        const auto got = try_pin_all(whole);
        REQUIRE(got);
        CHECK(m.raw(8) == 1 + 16 * 1024);
    }
    CHECK(m.at_baseline());
}

TEST_CASE("ranges of pages, pointers and owners, from the standard library and from range-v3, are all pinned") {
    memory m;
    const auto everything = [&m](auto&& range, std::size_t n) {
        auto got = try_pin_all(range);
        REQUIRE(got);
        CHECK(got.batch.size() == n);
        CHECK(tally::acquired_pins - tally::released_pins == n);
        got.batch.reset();
        CHECK(m.at_baseline());
    };
    everything(m.frames, 32);
    frame* const array[] = {m[1], m[2]};
    everything(array, 2);
    std::list<frame*> list{m[3], m[9], m[10]};
    everything(list, 3);
    const std::forward_list<frame*> forward{m[3], m[9]};
    everything(forward, 2);
    everything(m.frames | ranges::views::filter([&m](frame& f) { return &f != m[30]; }), 31);
    everything(ranges::views::iota(4, 12) | ranges::views::transform([&m](int i) { return m[std::size_t(i)]; }), 8);

    std::istringstream numbers("1 2 8 9");
    everything(ranges::istream_view<std::size_t>(numbers) | ranges::views::transform([&m](std::size_t i) { return m[i]; }),
               4);

    std::array<page_ref<frame>, 2> refs{try_get(m[11]), try_get(m[4])};
    const auto got = try_pin_all(refs);
    REQUIRE(got);
    CHECK(m.raw(8) == 1 + 1 + 1024);
}

TEST_CASE("an empty range is granted and holds nothing") {
    const std::vector<frame*> none;
    CHECK(try_pin_all(none));
    CHECK(unpin_all(none) == 0);
}

TEST_CASE("a null anywhere is kept as a null slot, holds nothing, and ends a run") {
    memory m;
    const std::array<frame*, 6> pages{nullptr, m[8], nullptr, m[9], m[10], nullptr};
    auto got = try_pin_all(pages);
    REQUIRE(got);
    CHECK(got.batch.size() == 6);
    CHECK(got.batch[0] == nullptr);
    CHECK(m.raw(8) == 1 + 3 * 1024);
    const auto slots = got.batch.release();
    CHECK(unpin_all(slots) == 3);
    CHECK(m.at_baseline());
}

TEST_CASE("all or nothing: a refusal in the middle takes back exactly what was added") {
    memory m;
    (void)m.frames[5].count.put();  // dead
    const std::array pages{m[0], m[8], m[9], m[5], m[1]};
    const auto got = try_pin_all(pages);
    CHECK_FALSE(got);
    CHECK(got.error == errc::dead);
    CHECK(got.refused_at == 3);
    CHECK(got.batch.empty());
    CHECK(m.raw(0) == 1);
    CHECK(m.raw(8) == 1);
    CHECK(m.raw(1) == 1);
    CHECK(m.frames[5].count.is_dead());
    CHECK(tally::acquired_pins == tally::released_pins);
}

TEST_CASE("keep partial: the elements before the refused one stay held") {
    memory m;
    (void)m.frames[5].count.put();
    const std::array pages{m[0], m[8], m[9], m[5], m[1]};
    {
        const auto got = try_pin_all(pages, keep_partial);
        CHECK_FALSE(got.complete());
        CHECK(got.error == errc::dead);
        CHECK(got.batch.size() == 3);
        CHECK(m.raw(8) == 1 + 2 * 1024);
        CHECK(m.raw(1) == 1);
    }
    CHECK(m.raw(0) == 1);
    CHECK(m.raw(8) == 1);
}

TEST_CASE("an overflowed head refuses its run only") {
    memory m;
    struct quiet {
        warn_handler before = set_warn_handler([](const warn_report&) noexcept {});
        ~quiet() { set_warn_handler(before); }
    } const q;
    m.frames[8].count.set_raw(2147483647 - 1024);
    const std::array pages{m[0], m[9], m[10], m[1]};
    const auto got = try_pin_all(pages, keep_partial);
    CHECK(got.error == errc::overflow);
    CHECK(got.refused_at == 1);
    CHECK(m.raw(8) == 2147483647 - 1024);
    m.frames[8].count.set_raw(1);
}

TEST_CASE("references in batches: get_all with evidence and try_get_all without") {
    memory m;
    const std::array pages{m[8], m[12], m[2]};
    {
        const auto refs = try_get_all(pages);
        REQUIRE(refs);
        CHECK(m.raw(8) == 3);
        const auto more = get_all(held::assumed(), pages);
        CHECK(m.raw(8) == 5);
        const auto pins = pin_all(held::assumed(), pages);
        CHECK(m.raw(8) == 5 + 2048);
        CHECK(tally::acquired_pins == 3);
    }
    CHECK(m.at_baseline());
}

TEST_CASE("batches with evidence are as long as they like: a run is grabbed in pieces the word allows") {
    memory m;
    const std::vector<frame*> many(23, m[9]);  // the largest batch is 5
    {
        const auto pins = pin_all(held::assumed(), many);
        const auto refs = get_all(held::assumed(), many);
        CHECK(m.raw(8) == 1 + 23 * 1024 + 23);
        CHECK(tally::acquired_pins == 23);
    }
    CHECK(m.at_baseline());
}

TEST_CASE("a dirty release marks each head once per run, before the pins are dropped") {
    memory m;
    const std::array pages{m[8], m[9], m[2], m[10]};
    SECTION("from a batch") {
        auto got = try_pin_all(pages);
        unpin_all(std::move(got.batch), dirty);
    }
    SECTION("from a range") {
        auto slots = try_pin_all(pages).batch.release();
        CHECK(unpin_dirty(slots) == 4);
    }
    CHECK(m.frames[8].dirtied == 2);
    CHECK(m.frames[2].dirtied == 1);
    CHECK(m.at_baseline());
}

TEST_CASE("any partition and order of releases ends at the baseline") {
    memory m;
    std::vector<frame*> pages;
    for (std::size_t i = 0; i < 32; ++i) pages.push_back(m[i * 7 % 32]);
    auto slots = try_pin_all(pages).batch.release();
    for (std::size_t i = 0; i < slots.size(); i += 2) ops::unpin(slots[i]);
    std::vector<frame*> rest;
    for (std::size_t i = 1; i < slots.size(); i += 2) rest.insert(rest.begin(), slots[i]);
    CHECK(unpin_all(rest) == 16);
    CHECK(m.at_baseline());
}

TEST_CASE("the last release of a batch frees the page, once") {
    memory m;
    auto got = try_pin_all(std::array{m[8], m[9]});
    ops::put(m[8]);  // the baseline reference
    CHECK(m.frames[8].freed == 0);
    got.batch.reset();
    CHECK(m.frames[8].freed == 1);
    CHECK(m.frames[8].count.is_dead());
}

TEST_CASE("exempt pages are granted and counted nowhere, and end a run") {
    memory m;
    m.frames[3].zero = true;
    const std::array pages{m[8], m[3], m[9]};
    {
        const auto got = try_pin_all(pages);
        REQUIRE(got);
        CHECK(m.raw(3) == 1);
        CHECK(m.raw(8) == 2049);
        CHECK(tally::acquired_pins == 2);
    }
    CHECK(m.at_baseline());
}

TEST_CASE("a batch moves, adopts and releases without counting") {
    memory m;
    auto a = std::move(try_pin_all(std::array{m[0], m[1]}).batch);
    pin_batch<frame> b;
    b = std::move(a);
    CHECK(b.size() == 2);
    auto c = pin_batch<frame>::adopt(b.release());
    CHECK(b.empty());
    CHECK(m.raw(0) == 1025);
    auto& same = c;
    c = std::move(same);
    CHECK(m.raw(0) == 1025);
    c.reset();
    CHECK(m.at_baseline());
}

}  // namespace range_batches
