// SPDX-License-Identifier: BSL-1.0
// From words of pagemap and kpageflags to runs of pages.
#include <catch2/catch.hpp>

#include "layout.hpp"
#include "pagemap.hpp"

using namespace pinscope;

namespace {
constexpr u64 present = u64{1} << 63, swapped = u64{1} << 62, file_bit = u64{1} << 61, exclusive = u64{1} << 56;
constexpr u64 anon_flag = u64{1} << 12, hugetlb_flag = u64{1} << 17, zero_flag = u64{1} << 24;
}  // namespace

TEST_CASE("a word of pagemap tells the state of a page") {
    region r;
    r.begin = 0x1000, r.end = 0x9000;
    r.rss = r.anonymous = 4096;
    CHECK(classify(r, {0}, {}) == presence::absent);
    CHECK(classify(r, {swapped | 0x123}, {}) == presence::swapped);
    CHECK(classify(r, {present | file_bit | 5}, {}) == presence::file);
    CHECK(classify(r, {present | exclusive | 5}, {}) == presence::anon);
    CHECK(classify(r, {present | 5}, frame_flags{anon_flag}) == presence::anon);
    CHECK(classify(r, {present | 5}, frame_flags{zero_flag}) == presence::zero);
    CHECK(classify(r, {present | 5}, frame_flags{hugetlb_flag | anon_flag}) == presence::hugetlb);
}

TEST_CASE("without frame flags the zero page shows as a present page that Rss does not count") {
    region r;
    r.begin = 0x1000, r.end = 0x9000;
    CHECK(classify(r, {present}, {}) == presence::zero);
    r.rss = r.anonymous = 4096;
    CHECK(classify(r, {present}, {}) == presence::anon);
}

TEST_CASE("frame numbers take 55 bits and are nothing for absent pages") {
    CHECK(pagemap_word{present | exclusive | file_bit | 77}.frame() == 77);
    CHECK(pagemap_word{swapped | 77}.frame() == 0);
}

TEST_CASE("huge pages are whole, aligned, and no more than smaps counted") {
    const u64 first = 3 * huge_pages - 8;  // 8 pages before a border
    std::vector<presence> states(8 + 3 * huge_pages, presence::anon);
    std::vector<bool> may(states.size(), true);
    u64 budget = 2 * huge_size;

    SECTION("as many as the budget lasts for, from the first border on") {
        mark_huge(states, may, first, budget);
        CHECK(budget == 0);
        CHECK(states[7] == presence::anon);
        CHECK(states[8] == presence::anon_huge);
        CHECK(states[8 + 2 * huge_pages - 1] == presence::anon_huge);
        CHECK(states[8 + 2 * huge_pages] == presence::anon);
    }
    SECTION("not over a hole") {
        states[8 + 5] = presence::absent;
        mark_huge(states, may, first, budget);
        CHECK(states[8] == presence::anon);
        CHECK(states[8 + huge_pages] == presence::anon_huge);
        CHECK(states.back() == presence::anon_huge);
    }
    SECTION("not where the frames say no") {
        may[8] = false;
        mark_huge(states, may, first, budget);
        CHECK(states[8 + 1] == presence::anon);
        CHECK(states[8 + huge_pages] == presence::anon_huge);
    }
    SECTION("none without a budget") {
        budget = huge_size - 1;
        mark_huge(states, may, first, budget);
        CHECK(budget == huge_size - 1);
        CHECK(states[8] == presence::anon);
    }
}

TEST_CASE("runs grow while the state stays the same") {
    std::vector<run> runs;
    append(runs, {10, 1, presence::anon});
    append(runs, {11, 2, presence::anon});
    append(runs, {13, 1, presence::file});
    append(runs, {20, 1, presence::file});  // not a neighbour
    append(runs, {21, 0, presence::anon});  // nothing
    CHECK(runs == std::vector<run>{{10, 3, presence::anon}, {13, 1, presence::file}, {20, 1, presence::file}});
}

TEST_CASE("estimated runs fill the region exactly, present pages first") {
    region r;
    r.begin = 16 * page_size, r.end = 26 * page_size;
    r.rss = 5 * page_size, r.anonymous = 3 * page_size, r.swap = page_size;
    CHECK(estimated_runs(r) ==
          std::vector<run>{
              {16, 3, presence::anon}, {19, 2, presence::file}, {21, 1, presence::swapped}, {22, 4, presence::absent}});
    r.rss = r.anonymous = 100 * page_size;  // smaps may count more than fits while the process runs
    CHECK(estimated_runs(r) == std::vector<run>{{16, 10, presence::anon}});
}

TEST_CASE("present pages are counted between any two pages") {
    region r;
    r.begin = 100 * page_size, r.end = 120 * page_size;
    r.runs = {
        {100, 5, presence::anon}, {105, 5, presence::absent}, {110, 4, presence::file}, {114, 6, presence::swapped}};
    CHECK(present_between(r, 0, 20) == 9);
    CHECK(present_between(r, 4, 11) == 2);
    CHECK(present_between(r, 5, 10) == 0);
    CHECK(present_between(r, 12, 20) == 2);
    CHECK(r.present_pages() == 9);
}
