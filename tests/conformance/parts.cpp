// SPDX-License-Identifier: BSL-1.0
// The parts of the player that know no machine: numbers, names, lines, handles.
#include <catch2/catch.hpp>

#include "handle.hpp"
#include "identities.hpp"
#include "names.hpp"
#include "number.hpp"
#include "printer.hpp"
#include "program.hpp"

using namespace scenario;

TEST_CASE("a number is decimal or hex, may be negative, and has one suffix at most") {
    CHECK(parse_number("0") == 0);
    CHECK(parse_number("4096") == 4096);
    CHECK(parse_number("0xff") == 255);
    CHECK(parse_number("-1") == ~std::uint64_t{0});
    CHECK(parse_number("-0x10") == ~std::uint64_t{15});
    CHECK(parse_number("3K") == 3072);
    CHECK(parse_number("2M") == 2 << 20);
    CHECK(parse_number("1G") == 1 << 30);
    CHECK(parse_number("3P") == 12288);
    CHECK(parse_number("2H") == 4 << 20);
    CHECK(parse_number("-1P") == ~std::uint64_t{4095});
    CHECK(parse_number("0xffffffffffffffff") == ~std::uint64_t{0});
    for (const char* wrong : {"", "-", "x", "0x", "P", "1PP", "1p", "--1", "1 ", "18446744073709551616", "0x10000000000000000",
                              "99999999999999G"})
        CHECK_FALSE(parse_number(wrong));
}

TEST_CASE("fresh regions lie 4 GiB apart, and arithmetic on names goes both ways") {
    region_names names;
    const std::uint64_t first = names.bind_fresh("A", 0);
    CHECK(first % (std::uint64_t{1} << 30) == 0);
    CHECK(names.bind_fresh("B", 4096) == first + (std::uint64_t{4} << 30) + 4096);
    CHECK(names.address("A+1P+8") == first + 4104);
    CHECK(names.address("B-1P-0x10") == first + (std::uint64_t{4} << 30) - 16);
    CHECK(names.address("@tasktop") == 0x7ffffffff000);
    CHECK(names.bind("A", 7) == 7);
    CHECK(names.address("A") == 7);
    CHECK_THROWS_AS(names.address("C"), malformed);
    CHECK_THROWS_AS(names.address("A+"), malformed);
    CHECK_THROWS_AS(names.address("A+1X"), malformed);
}

TEST_CASE("an address is shown as a person would write it") {
    region_names names;
    const std::uint64_t a = names.bind_fresh("A", 0);
    CHECK(names.name_of(a) == "A");
    CHECK(names.name_of(a + 3 * 4096) == "A+3P");
    CHECK(names.name_of(a + 4100) == "A+1P+4");
    CHECK(names.name_of(0x1000) == "0x1000");
}

TEST_CASE("a line is split into actor, operation, arguments and options") {
    const program p = parse("f.scn", "x/f", "# nothing\n\nC:&  mmap\tA 1P  prot=r shared # why\nend_of_file");
    REQUIRE(p.lines.size() == 2);
    const statement& s = p.lines[0];
    CHECK(s.number == 3);
    CHECK(s.text == "C:& mmap A 1P prot=r shared");
    CHECK(s.actor == "C");
    CHECK(s.async);
    CHECK(s.op == "mmap");
    CHECK(s.args == std::vector<std::string>{"A", "1P"});
    CHECK(s.options == std::vector<std::string>{"prot=r", "shared"});
    CHECK(s.wrong.empty());
    CHECK(p.lines[1].actor == "main");
    CHECK_FALSE(p.lines[1].wrong.empty());
}

TEST_CASE("an option with a value and the word alone are two things") {
    CHECK_FALSE(parse("", "", "mmap A 1P shared=1").lines[0].wrong.empty());
    CHECK_FALSE(parse("", "", "mmap A 1P prot").lines[0].wrong.empty());
    CHECK(parse("", "", "mmap A 1P prot=").lines[0].wrong.empty());
}

TEST_CASE("entries of a handle are released once, and the last empties it") {
    int page[3] = {};
    handle<int> h{true, {&page[0], &page[1], &page[2]}};
    CHECK(h.holds(0, 3));
    CHECK_FALSE(h.holds(1, 3));
    CHECK_FALSE(h.holds(~std::size_t{0}, 2));
    h.released(1, 1);
    CHECK_FALSE(h.holds(0, 2));
    CHECK(h.holds(2, 1));
    h.released(0, 1);
    CHECK_FALSE(h.empty());
    h.released(2, 1);
    CHECK(h.empty());
}

TEST_CASE("pages are numbered as they appear, and memory that came back is another page") {
    identities ids;
    CHECK(ids.of(100, 1) == 0);
    CHECK(ids.of(50, 1) == 1);
    CHECK(ids.of(100, 1) == 0);
    CHECK(ids.of(100, 2) == 2);
    CHECK(ids.find(50, 1) == 1);
    CHECK_FALSE(ids.find(50, 2));
}

TEST_CASE("an answer is one JSON line, its members in order") {
    answer a = done(1).with("pages", std::vector<page_name>{0, std::string("Z")}).with("vm", pin_delta{1, 0});
    CHECK(to_json({"f/n", 2, "main", "pin", "pin P A 2"}, a) ==
          R"({"scenario":"f/n","step":2,"actor":"main","op":"pin","line":"pin P A 2","ret":1,"errno":null,)"
          R"("observed":{"pages":[0,"Z"],"vm":{"acq":1,"rel":0}}})");
    page_object page{{"at", std::int64_t{0}}, {"pins", nullptr}, {"dma", true}, {"f", std::string("XB")}};
    CHECK(to_json({"f/n", 3, "C", "inspect", "inspect A 1"}, fails("EFAULT").with("pages", std::vector<page_object>{page})) ==
          R"({"scenario":"f/n","step":3,"actor":"C","op":"inspect","line":"inspect A 1","ret":-1,"errno":"EFAULT",)"
          R"("observed":{"pages":[{"at":0,"pins":null,"dma":true,"f":"XB"}]}})");
}
