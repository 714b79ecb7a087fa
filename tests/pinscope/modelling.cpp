// SPDX-License-Identifier: BSL-1.0
// The reference MM in the shape of a region: which paths its pages are found on, and what is refused.
#include <algorithm>
#include <catch2/catch.hpp>

#include "ask.hpp"

using namespace pinscope;
using Catch::Matchers::Contains;

namespace {

constexpr u64 base = u64{1} << 32;

/// A writable private region at `base` all of whose pages are in one state.
region uniform(u64 pages, presence what) {
    region r;
    r.begin = base, r.end = base + pages * page_size;
    r.read = r.write = true;
    r.runs = {{base / page_size, pages, what}};
    return r;
}

region of_file(u64 pages, presence what, bool shared) {
    auto r = uniform(pages, what);
    r.device_major = 8, r.inode = 77, r.name = "/data/file", r.filesystem = "ext4";
    r.shared = shared;
    return r;
}

region_report asked(const region& r, const char* profile = "linux_6_12") {
    process p;
    p.regions = {r};
    const auto m = make_model(profile, p, 4 * r.pages() + 4096);
    const auto what = ask(std::move(p), *m, false, [](u64, u64) {});
    CHECK(what.balance.kept());
    return what.regions[0];
}

/// Returns: pages that answer number q found on the path.
u64 on(const region_report& r, std::size_t q, const char* path) {
    const auto& paths = r.answers[q].paths;
    const auto found = std::find_if(paths.begin(), paths.end(), [&](const auto& p) { return p.id == path; });
    return found == paths.end() ? 0 : found->pages;
}

constexpr std::size_t read_fast = 0, read_slow = 1, write_fast = 2, write_slow = 3, lasting_read_fast = 4,
                      lasting_write_slow = 7;

}  // namespace

TEST_CASE("the questions are in the order these tests name them in") {
    CHECK(questions[read_slow] == question{false, false, false});
    CHECK(questions[write_fast] == question{true, false, true});
    CHECK(questions[lasting_write_slow] == question{true, true, false});
}

TEST_CASE("anonymous pages are found page by page, 1024 units each") {
    const auto r = asked(uniform(8, presence::anon));
    CHECK(r.outcome() == outcome::all);
    CHECK(on(r, write_fast, "PTE/F") == 8);
    CHECK(on(r, write_slow, "FP-PTE") == 8);
    for (const auto& a : r.answers)
        CHECK(a.units == 8 * 1024);
}

TEST_CASE("a huge page is found at once, and counts one unit per page where pins are exact") {
    const auto r = asked(uniform(huge_pages, presence::anon_huge));
    CHECK(r.outcome() == outcome::all);
    CHECK(on(r, read_fast, "PMD/F") == huge_pages);
    CHECK(on(r, read_slow, "FP-HUGE-PMD") == huge_pages);
    CHECK(r.answers[read_slow].units == huge_pages);

    const auto old = asked(uniform(huge_pages, presence::anon_huge), "foll_pin_2019");
    CHECK(on(old, read_slow, "FP-PMD-TRANS-HUGE") == huge_pages);
    CHECK(old.answers[read_slow].units == huge_pages * 1024);
}

TEST_CASE("the zero page is pinned for reading without a count, and replaced for anything lasting or writing") {
    const auto r = asked(uniform(4, presence::zero));
    CHECK(r.outcome() == outcome::all);
    CHECK(on(r, read_slow, "FP-ZERO") == 4);
    CHECK(r.answers[read_slow].units == 0);
    CHECK(r.answers[write_slow].units == 4 * 1024);
    CHECK(on(r, write_slow, "FP-PTE") == 4);
}

TEST_CASE("every question meets the process as it was, whatever the one before changed") {
    const auto r = asked(of_file(4, presence::file, false));
    // The write before it broke copy-on-write; still this one meets pages of the file, which the fast walk refuses
    // to pin for long, and the slow one replaces.
    CHECK(on(r, lasting_read_fast, "PTE/F") == 0);
    CHECK(on(r, lasting_read_fast, "FP-PTE") == 4);
    CHECK(on(r, read_fast, "PTE/F") == 4);
    CHECK(r.outcome() == outcome::all);
}

TEST_CASE("a shared file mapping grants all but lasting writes; shared memory grants those too") {
    const auto file = asked(of_file(4, presence::file, true));
    CHECK(file.outcome() == outcome::short_term);
    REQUIRE(file.answers[lasting_write_slow].refusals.size() == 1);
    CHECK(file.answers[lasting_write_slow].refusals[0].pages == 4);
    CHECK_THAT(file.answers[lasting_write_slow].refusals[0].rule, Contains("dirty tracking"));
    CHECK(asked(of_file(4, presence::file, true), "foll_pin_2019").outcome() == outcome::all);

    auto memory = of_file(4, presence::file, true);
    memory.name = "/dev/shm/x";
    CHECK(asked(memory).outcome() == outcome::all);
}

TEST_CASE("present pages stay refused where the protection refuses") {
    auto r = uniform(4, presence::anon);
    r.write = false;
    CHECK(asked(r).outcome() == outcome::read_only);
    r.read = false;
    CHECK(asked(r).outcome() == outcome::none);
}

TEST_CASE("device memory and secret memory are refused, with a rule") {
    auto device = uniform(4, presence::special);
    device.flags = {"io", "pf"};
    auto secret = of_file(4, presence::absent, true);
    secret.name = "/secretmem";
    for (const auto& r : {device, secret}) {
        CAPTURE(r.title());
        const auto answers = asked(r);
        CHECK(answers.outcome() == outcome::none);
        for (const auto& a : answers.answers) {
            REQUIRE(a.refusals.size() == 1);
            CHECK(a.refusals[0].rule.size() > 20);
            CHECK(a.refusals[0].error == 14);
        }
    }
}

TEST_CASE("the gate page can be read, by the slow path alone") {
    auto gate = uniform(1, presence::special);
    gate.begin = 0xffffffffff600000, gate.end = gate.begin + page_size;
    gate.runs[0].first = gate.begin / page_size;
    gate.name = "[vsyscall]";
    const auto answers = asked(gate);
    CHECK(answers.outcome() == outcome::mixed);
    for (std::size_t i = 0; i < questions.size(); ++i) {
        const auto& a = answers.answers[i];
        CAPTURE(questions[i].write, questions[i].long_term, questions[i].fast);
        const bool is_granted = !questions[i].write && !questions[i].fast;
        CHECK(a.pinned + a.probes_pinned == (is_granted ? 1 : 0));
        REQUIRE(a.refusals.size() == (is_granted ? 0 : 1));
        if (!is_granted) CHECK(a.refusals[0].error == 14);
    }
}

TEST_CASE("hugetlb pages come from a pool, private and shared") {
    auto r = uniform(2 * huge_pages, presence::hugetlb);
    r.name = "/anon_hugepage", r.deleted = true, r.inode = 5, r.device_minor = 15;
    r.kernel_page = huge_size;
    r.flags = {"ht"};
    r.runs = {{base / page_size, huge_pages, presence::hugetlb},
              {base / page_size + huge_pages, huge_pages, presence::absent}};
    r.shared = GENERATE(false, true);
    CAPTURE(r.shared);
    const auto answers = asked(r);
    CHECK(answers.outcome() == outcome::all);
    CHECK(answers.answers[write_fast].pinned == huge_pages);
    CHECK(on(answers, write_fast, "PMD/F") == huge_pages);
    CHECK(answers.answers[write_fast].probes_pinned == 1);
}

TEST_CASE("huge and small pages, holes and swapped pages of one region are asked each in its way") {
    auto r = uniform(3 * huge_pages, presence::absent);
    const auto first = base / page_size;
    r.anon_huge = huge_size;
    r.flags = {"hg"};
    r.runs = {{first, 3, presence::anon},
              {first + 3, huge_pages - 3, presence::absent},
              {first + huge_pages, huge_pages, presence::anon_huge},
              {first + 2 * huge_pages, 5, presence::swapped},
              {first + 2 * huge_pages + 5, huge_pages - 5, presence::absent}};
    const auto answers = asked(r);
    CHECK(answers.outcome() == outcome::all);
    CHECK(answers.answers[write_fast].asked == 3 + huge_pages);
    CHECK(answers.answers[write_fast].pinned == 3 + huge_pages);
    CHECK(answers.answers[write_fast].probes == 3);
    // The swapped pages and the hole behind them lie in one aligned stretch: what the first probe faulted in there, a
    // huge page of zeros, the second one finds.
    CHECK(on(answers, read_fast, "PMD/F") == huge_pages + 1);
}
