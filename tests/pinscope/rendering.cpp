// SPDX-License-Identifier: BSL-1.0
// What people and machines get to see.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ask.hpp"
#include "fake_model.hpp"
#include "json.hpp"
#include "layout.hpp"
#include "picture.hpp"
#include "svg.hpp"
#include "table.hpp"

using namespace pinscope;
using Catch::Matchers::Contains;

namespace {

/// A report on `count` regions of growing size, every third one read-only, with a wide gap in the middle.
report sample(std::size_t count) {
    process p;
    p.pid = 42;
    p.command = "sample";
    p.memlock_soft = 65536;
    u64 at = 16;
    for (std::size_t i = 0; i < count; ++i) {
        region r;
        const u64 pages = u64{1} << i % 12;
        r.begin = at * page_size, r.end = (at + pages) * page_size;
        r.read = true, r.write = i % 3 != 0;
        r.name = "/lib/number " + std::to_string(i);
        r.runs = {{at, pages, i % 4 == 0 ? presence::absent : presence::anon}};
        at += pages + (i + 1 == count / 2 ? u64{1} << 30 : 1);
        p.regions.push_back(r);
    }
    fake_model m;
    auto what = ask(std::move(p), m, false, [](u64, u64) {});
    what.profile = "linux_6_12";
    return what;
}

std::size_t widest(const std::string& text) {
    std::istringstream in(text);
    std::size_t most = 0;
    for (std::string line; std::getline(in, line);)
        most = std::max(most, columns(line));
    return most;
}

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("pictures and tables stay within the width and are plain without colour") {
    const auto count = GENERATE(std::size_t{1}, 2, 30, 2000);
    const auto width = GENERATE(std::size_t{60}, 80, 133);
    CAPTURE(count, width);
    const auto what = sample(count);
    const style s{width, false, false};
    for (const auto& text : {draw_picture(what, s), draw_table(what, s, 0), draw_totals(what, s)}) {
        CHECK(widest(text) <= width);
        CHECK(text.find('\033') == std::string::npos);
        CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    }
}

TEST_CASE("a picture has few lines, however many regions there are") {
    CHECK(lines(draw_picture(sample(3), {100, false, false})) < 14);
    CHECK(lines(draw_picture(sample(5000), {100, false, false})) < 60);
}

TEST_CASE("a picture shows for every region what was granted and refused") {
    const auto text = draw_picture(sample(2), {100, false, false});
    // Region 1: one page, absent, read-only. Region 2: two pages, present, writable.
    CHECK_THAT(text, Contains("region           1 <4 TiB> 2\n"
                              "present               :    #\n"
                              "read             #    :    #\n"
                              "write            .    :    #\n"
                              "long-term read   #    :    #\n"
                              "long-term write  .    :    #\n"));
}

TEST_CASE("colour and blocks appear only where they are wanted") {
    const auto what = sample(2);
    CHECK_THAT(draw_picture(what, {100, true, true}), Contains("\033[32m") && Contains("█"));
    CHECK_THAT(draw_picture(what, {100, false, true}), !Contains("\033[") && Contains("█"));
}

TEST_CASE("the table lists the regions with most pages present, in address order") {
    const auto what = sample(12);
    const auto text = draw_table(what, {100, false, false}, 2);
    CHECK_THAT(text, Contains("number 10") && Contains("number 11") && !Contains("number 9"));
    CHECK(text.find("number 10") < text.find("number 11"));
    CHECK_THAT(text, Contains("10 regions with fewer pages present not listed"));
    CHECK_THAT(draw_table(what, {100, false, false}, 0), Contains("number 0") && !Contains("not listed"));
}

TEST_CASE("a row says what was refused, why, for whom, and what the memory lock limit makes of it") {
    const auto text = draw_table(sample(12), {100, false, false}, 0);
    CHECK_THAT(text, Contains("write, long-term write refused with EFAULT for 512 pages: the mapping is not writable"));
    CHECK_THAT(text, Contains("r-R-") && Contains("rwRW"));
    CHECK_THAT(text, Contains("RLIMIT_MEMLOCK for all of it: 64 KiB of 64 KiB\n"));
    CHECK_THAT(text, Contains("RLIMIT_MEMLOCK for all of it: 128 KiB of 64 KiB, too much"));
    CHECK_THAT(text, Contains("over PTE/F"));
}

TEST_CASE("one region in full has every question and its pages") {
    const auto text = draw_region(sample(12), 9, {100, false, false});
    for (const auto q : questions)
        CHECK_THAT(text, Contains(to_string(q)));
    CHECK_THAT(text, Contains("512 pages: 512 anonymous") && Contains("EFAULT for 512 pages from "));
}

TEST_CASE("a broken balance is shown as such") {
    auto what = sample(2);
    CHECK_THAT(draw_totals(what, {}), Contains("balance: kept"));
    what.balance.released -= 1;
    CHECK_THAT(draw_totals(what, {}), Contains("balance: BROKEN"));
}

TEST_CASE("names of others cannot steer the terminal or break a file format") {
    auto what = sample(1);
    what.process.regions[0].name = "/tmp/\x1b[2J\a<&\">\xff\xc3[\xe2\x82\xac]";
    what.process.command = "\x1b]0;title\a";
    const auto table = draw_table(what, {100, false, true}, 0);
    CHECK_THAT(table, Contains("/tmp/?[2J?<&\">??[€]"));
    CHECK(table.find('\033') == std::string::npos);
    CHECK_THAT(to_svg(what), Contains("/tmp/?[2J?&lt;&amp;&quot;&gt;??[€]") && !Contains("\x1b"));
    CHECK(nlohmann::json::parse(to_json(what))["regions"][0]["name"] == "/tmp/?[2J?<&\">??[€]");
}

TEST_CASE("JSON holds all of it and adds up") {
    const auto j = nlohmann::json::parse(to_json(sample(12)));
    REQUIRE(j["regions"].size() == 12);
    CHECK(j["memlock_limit"] == 65536);
    CHECK(j["balance"]["kept"] == true);
    for (std::size_t q = 0; q < questions.size(); ++q) {
        u64 asked = 0, pinned = 0;
        for (const auto& r : j["regions"]) {
            const auto& a = r["answers"][q];
            asked += a["present_asked"].get<u64>() + a["absent_asked"].get<u64>();
            pinned += a["present_pinned"].get<u64>() + a["absent_pinned"].get<u64>();
            u64 refused = 0;
            for (const auto& why : a["refusals"])
                refused += why["pages"].get<u64>();
            CHECK(a["present_asked"].get<u64>() + a["absent_asked"].get<u64>() ==
                  a["present_pinned"].get<u64>() + a["absent_pinned"].get<u64>() + refused);
        }
        CHECK(j["totals"][q]["pages_asked"] == asked);
        CHECK(j["totals"][q]["pages_pinned"] == pinned);
    }
}

TEST_CASE("an SVG has a row per region, but never more than it can show") {
    const auto rows = [](const std::string& svg) {
        std::size_t n = 0;
        for (auto at = svg.find("<title>"); at != std::string::npos; at = svg.find("<title>", at + 1))
            ++n;
        return n;
    };
    CHECK(rows(to_svg(sample(12))) == 12);
    CHECK(rows(to_svg(sample(5000))) <= 400);
}

TEST_CASE("blocks cover all regions once") {
    const auto what = sample(1001);
    const auto parts = blocks(what, 100);
    CHECK(parts.size() <= 100);
    std::size_t next = 0;
    for (const auto& b : parts) {
        CHECK(b.first == next);
        CHECK(b.last > b.first);
        next = b.last;
    }
    CHECK(next == 1001);
}

TEST_CASE("numbers are written for people") {
    CHECK(human_bytes(0) == "0 B");
    CHECK(human_bytes(4096) == "4 KiB");
    CHECK(human_bytes(1536 << 10) == "1.5 MiB");
    CHECK(human_bytes(u64{1} << 40) == "1 TiB");
    CHECK(human_bytes(~u64{0}) == "15 EiB");
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(1000) == "1,000");
    CHECK(grouped(1234567) == "1,234,567");
    CHECK(counted(1, "page") == "1 page");
    CHECK(counted(2, "page") == "2 pages");
}

TEST_CASE("text is cut by columns, not bytes") {
    CHECK(fitted("abc", 5) == "abc  ");
    CHECK(fitted("abcdefgh", 5) == "ab...");
    CHECK(fitted("abcdefgh", 5, true) == "...gh");
    CHECK(fitted("äöüäöü", 5) == "äö...");
    CHECK(fitted("äöüäöü", 5, true) == "...öü");
    CHECK(columns("äöü") == 3);
    CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
    CHECK(printable("a\xc2\x9b") == "a?");      // the one-character form of ESC [
    CHECK(printable("\xed\xa0\x80") == "???");  // half of a surrogate pair
}
