// SPDX-License-Identifier: BSL-1.0
// Long-term pins move pages out of movable memory first, and give up cleanly (spec 06 §6, spec 10 §5 §14).
#include "box.hpp"

namespace longterm_tests {

using namespace mmt;

namespace {

mm::options with_movable() {
    mm::options o = small(32_MiB);
    o.more_nodes.push_back({.ram = 0, .movable = 32_MiB});
    return o;
}

}  // namespace

TEST_CASE("6.12: a page in the movable zone is moved, letters kept, contents kept, all statistics balanced", "[longterm]") {
    using TestType = checked_6_12;
    for (const bool fast : {true, false}) {
        world<TestType> w(with_movable());
        const vaddr a = w.map(4 * 4096, {.node = 1});
        for (unsigned k = 0; k < 4; ++k) REQUIRE(w.t.store(a + k * 4096, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
        REQUIRE(w.t.inspect(a).page.zone == mm::zone_kind::movable);
        auto* before = w.page_at(a);
        CHECK(w.pin(a, 4, foll::write) == 4);  // short: stays
        CHECK(w.page_at(a) == before);
        w.unpin(4);
        const auto then = w.box.counters();
        const unsigned flags = foll::write | foll::longterm;
        const long got = fast ? w.pin(a, 4, flags) : w.pin_slow(a, 4, flags);
        CHECK(got == 4);
        for (unsigned k = 0; k < 4; ++k) {
            const auto o = w.t.inspect(a + k * 4096);
            CHECK(o.page.zone != mm::zone_kind::movable);
            CHECK(o.page.node == 0);
            CHECK(o.letters == "WDY");
            CHECK(o.page.page == w.pages[k]);
            CHECK(o.page.refs == 1025);
            CHECK(o.page.flags == "XDB");
            CHECK(w.t.load(a + k * 4096).value == k + 1);
        }
        CHECK((w.box.counters() - then) == mm::pin_counters{8, 4});
        w.audit();
        w.unpin(4);
        w.audit();
    }
}

TEST_CASE("6.12: a huge page is moved whole", "[longterm]") {
    world<checked_6_12> w(with_movable());
    const vaddr a = w.map(2_MiB, {.huge = true, .node = 1});
    REQUIRE(w.t.store(a + 77, 5) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    CHECK(w.pin(a, 3, foll::write | foll::longterm) == 3);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.t.inspect(a).page.zone != mm::zone_kind::movable);
    CHECK(w.refs(a) == 4);
    CHECK(w.t.load(a + 77).value == 5);
    w.audit();
    w.unpin(3);
    w.audit();
}

TEST_CASE("6.12: somebody else holds the page: -ENOMEM, nothing owned, nothing moved, D set", "[longterm]") {
    for (const bool by_pin : {false, true}) {
        world<checked_6_12> w(with_movable());
        const vaddr a = w.map(4096, {.node = 1});
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        auto* page = w.page_at(a);
        REQUIRE((by_pin ? w.pin(a, 1, foll::write) : w.get(a, 1)) == 1);
        const auto held = w.pages;
        const auto then = w.box.counters();
        mm::gup_trace trace;
        std::vector<frame<checked_6_12>*> pages(1);
        CHECK(w.t.pin_user_pages_fast(a, 1, foll::write | foll::longterm, pages, &trace) == -err::enomem);
        CHECK((w.box.counters() - then) == mm::pin_counters{1, 1});
        REQUIRE(trace.refusal());
        CHECK(trace.refusal()->path == mm::path_id::longterm);
        CHECK(w.page_at(a) == page);
        CHECK(w.letters(a) == "WDY");
        CHECK(w.flags(a) == "XDB");
        w.audit();
        if (by_pin) w.t.unpin_user_page(held[0]);
        else w.t.put_page(held[0]);
        CHECK(w.pin(a, 1, foll::write | foll::longterm) == 1);
        w.unpin(1);
        w.audit();
    }
}

TEST_CASE("6.12: what the call itself faults in stands well already", "[longterm]") {
    world<checked_6_12> w(with_movable());
    const vaddr a = w.map(4096, {.node = 1});
    CHECK(w.pin(a, 1, foll::write | foll::longterm) == 1);
    CHECK(w.box.counters() == mm::pin_counters{1, 0});
    CHECK(w.t.inspect(a).page.zone != mm::zone_kind::movable);
    CHECK(w.flags(a) == "XB");
    w.unpin(1);
    w.audit();
}

TEST_CASE("6.12: the fast part stays; of the slow part everything is pinned again", "[longterm]") {
    world<checked_6_12> w(with_movable());
    const vaddr a = w.map(4096, {.at = vaddr{1} << 40});
    const vaddr b = w.map(4096, {.at = a + 4096, .node = 1});
    const vaddr c = w.map(4096, {.at = a + 8192});
    for (const vaddr k : {a, b, c}) REQUIRE(w.t.store(k, 1) == mm::fault_result::ok);
    CHECK(w.pin(a, 3, foll::write | foll::longterm) == 3);
    CHECK(w.box.counters() == mm::pin_counters{1 + 2 + 2, 2});
    w.unpin(3);
    w.audit();
}

TEST_CASE("6.12: CMA memory is left too, and file pages move with their cache", "[longterm]") {
    mm::options o = small(16_MiB);
    o.cma = 8_MiB;
    world<checked_6_12> w(o);
    std::vector<frame<checked_6_12>*> rest;
    while (true) {  // only CMA is left
        auto* f = w.box.phys().alloc({.movable = false});
        if (!f) break;
        rest.push_back(f);
    }
    for (int i = 0; i < 16; ++i) {  // room for tables and for the move
        w.box.phys().drop(rest.back(), mm::holder::hand_out);
        rest.pop_back();
    }
    const vaddr a = w.map(4096);
    auto& f = w.box.create_file(mm::file_kind::memfd, 4096);
    const vaddr b = w.map(4096, {.shared = true, .source = &f, .at = a + 4096});
    REQUIRE(w.t.load(a).value == 0);
    std::vector<frame<checked_6_12>*> more;
    while (auto* p = w.box.phys().alloc({.movable = false})) more.push_back(p);
    REQUIRE(w.t.store(a, 7) == mm::fault_result::ok);
    REQUIRE(w.t.store(b, 8) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).page.cma);
    REQUIRE(w.t.inspect(b).page.cma);
    for (auto* p : more) w.box.phys().drop(p, mm::holder::hand_out);
    CHECK(w.pin(a, 2, foll::write | foll::longterm) == 2);
    CHECK_FALSE(w.t.inspect(a).page.cma);
    CHECK_FALSE(w.t.inspect(b).page.cma);
    CHECK(w.t.load(a).value == 7);
    CHECK(w.t.load(b).value == 8);
    CHECK(w.refs(b) == 1026);
    w.audit();
    w.unpin(2);
    for (auto* p : rest) w.box.phys().drop(p, mm::holder::hand_out);
    w.audit();
}

}  // namespace longterm_tests
