// SPDX-License-Identifier: BSL-1.0
// What ask() makes of a model's answers, with a model whose answers are known.
#include <catch2/catch.hpp>

#include "ask.hpp"
#include "fake_model.hpp"

using namespace pinscope;

namespace {

process sample() {
    process p;
    region mixed;
    mixed.begin = 16 * page_size, mixed.end = 32 * page_size;
    mixed.read = mixed.write = true;
    mixed.runs = {{16, 4, presence::anon}, {20, 1, presence::file}, {21, 8, presence::absent}, {29, 3, presence::zero}};
    region constant;
    constant.begin = 64 * page_size, constant.end = 68 * page_size;
    constant.read = true;
    constant.runs = {{64, 4, presence::file}};
    p.regions = {mixed, constant};
    return p;
}

report asked(fake_model& m, bool fault_all = false) {
    return ask(sample(), m, fault_all, [](u64, u64) {});
}

}  // namespace

TEST_CASE("present pages are asked wholly, absent runs by one page") {
    fake_model m;
    const auto what = asked(m);
    for (const auto& a : what.regions[0].answers) {
        CHECK(a.asked == 8);
        CHECK(a.pinned == 8);
        CHECK(a.probes == 1);
        CHECK(a.probes_pinned == 1);
        CHECK(a.units == 9 * 1024);
        CHECK(a.verdict() == verdict::granted);
    }
    CHECK(what.regions[0].outcome() == outcome::all);
    CHECK(what.regions[0].memlock_needed(what.process.regions[0]) == 16 * page_size);
    CHECK(m.discards == 8);  // each question leaves the run as absent as it was
}

TEST_CASE("all absent pages are asked on demand") {
    fake_model m;
    const auto what = asked(m, true);
    CHECK(what.regions[0].answers[0].probes == 8);
    CHECK(what.regions[0].answers[0].probes_pinned == 8);
}

TEST_CASE("a question that changed pages is followed by a fresh region") {
    fake_model m;
    asked(m);
    CHECK(m.builds == 2 + 4);  // once each, and after every write to the zero page
}

TEST_CASE("refusals name all pages they hold for") {
    fake_model m;
    const auto what = asked(m);
    const auto& r = what.regions[1];
    CHECK(r.outcome() == outcome::read_only);
    CHECK(r.verdict(1) == verdict::refused);
    const auto& write = r.answers[2];
    REQUIRE(write.refusals.size() == 1);
    CHECK(write.refusals[0].pages == 4);
    CHECK(write.refusals[0].first == 64 * page_size);
    CHECK(write.refusals[0].error == 14);
    CHECK(r.memlock_needed(what.process.regions[1]) == 4 * page_size);
}

TEST_CASE("the balance is kept when everything came back, and only then") {
    fake_model m;
    auto what = asked(m);
    CHECK(what.balance.kept());
    CHECK(what.balance.acquired == 8 * 9 + 4 * 4);
    CHECK(what.balance.released == what.balance.acquired);

    what.balance.words_after += 1;
    CHECK_FALSE(what.balance.kept());
    what.balance.words_after -= 1;
    what.balance.released -= 1;
    CHECK_FALSE(what.balance.kept());
}

TEST_CASE("a region's answers in one word") {
    region_report r;
    CHECK(r.outcome() == outcome::not_asked);
    const auto set = [&](std::array<u64, 4> pinned) {
        for (std::size_t q = 0; q < questions.size(); ++q)
            r.answers[q].asked = 2, r.answers[q].pinned = pinned[q / 2];
        return r.outcome();
    };
    CHECK(set({2, 2, 2, 2}) == outcome::all);
    CHECK(set({2, 2, 0, 0}) == outcome::short_term);
    CHECK(set({2, 2, 2, 0}) == outcome::short_term);
    CHECK(set({2, 0, 2, 0}) == outcome::read_only);
    CHECK(set({0, 0, 0, 0}) == outcome::none);
    CHECK(set({2, 1, 2, 2}) == outcome::mixed);
    set({2, 2, 2, 2});
    r.answers[0].pinned = 0;  // fast and slow disagree
    CHECK(r.outcome() == outcome::mixed);
}
