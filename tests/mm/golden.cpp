// SPDX-License-Identifier: BSL-1.0
// The worked values of spec 01 §10: counts after GET one, PIN one, PIN all, in both profiles, fast and slow alike.
#include "box.hpp"

namespace golden_tests {

using namespace mmt;

namespace {

struct expected {
    std::int64_t start, get_one, pin_one, pin_all;
    std::int64_t pins_one = 0, pins_all = 0;  // where they are counted exactly
};

template <class P>
void check_row(world<P>& w, vaddr a, long all, unsigned flags, const expected& e) {
    const auto exact = [&](std::int64_t pins) {
        const auto s = w.t.inspect(a).page;
        if (s.pins) CHECK(*s.pins == pins);
    };
    CHECK(w.refs(a) == e.start);
    CHECK(w.get(a, 1) == 1);
    CHECK(w.refs(a) == e.get_one);
    CHECK_FALSE(w.t.inspect(a).page.maybe_pinned);
    w.put(1);
    CHECK(w.refs(a) == e.start);
    for (const bool fast : {true, false}) {
        CHECK((fast ? w.pin(a, 1, flags) : w.pin_slow(a, 1, flags)) == 1);
        CHECK(w.refs(a) == e.pin_one);
        exact(e.pins_one);
        CHECK(w.t.inspect(a).page.maybe_pinned);
        w.audit();
        w.unpin(1);
        CHECK(w.refs(a) == e.start);
        CHECK((fast ? w.pin(a, all, flags) : w.pin_slow(a, all, flags)) == all);
        CHECK(w.refs(a) == e.pin_all);
        exact(e.pins_all);
        w.audit();
        w.unpin(all);
        CHECK(w.refs(a) == e.start);
        exact(0);
    }
    w.audit();
}

}  // namespace

BOTH_PROFILES("golden: anonymous base page", "[golden]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    check_row(w, a, 1, foll::write, {1, 2, 1025, 1025});
}

BOTH_PROFILES("golden: file page, cached, one mapping", "[golden]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::ext4, 4096, mm::fill::pattern);
    const vaddr a = w.map(4096, {.source = &f});
    REQUIRE(w.t.load(a).value == 1);
    check_row(w, a, 1, 0, {2, 3, 1026, 1026});
}

BOTH_PROFILES("golden: file page, cached, two mappings, private data", "[golden]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::ext4, 4096, mm::fill::pattern);
    const vaddr a = w.map(4096, {.shared = true, .source = &f});
    const vaddr b = w.map(4096, {.shared = true, .source = &f, .at = a + 1_GiB});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.load(b).value == 1);
    check_row(w, a, 1, 0, {4, 5, 1028, 1028});
}

BOTH_PROFILES("golden: huge page, one pmd", "[golden]") {
    world<TestType> w;
    const vaddr a = w.huge();
    check_row(w, a, 512, foll::write,
              pick<TestType, expected>({1, 2, 1025, 524289}, {1, 2, 2, 513, 1, 512}));
}

BOTH_PROFILES("golden: huge page, 512 ptes", "[golden]") {
    world<TestType> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    check_row(w, a, 512, foll::write,
              pick<TestType, expected>({512, 513, 1536, 524800}, {512, 513, 513, 1024, 1, 512}));
}

BOTH_PROFILES("golden: pinned whole by its pmd, then the entry is split", "[golden]") {
    world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 512, foll::write) == 512);
    w.split_entry(a);
    CHECK(w.refs(a) == pick<TestType>(524800, 1024));
    if (const auto pins = w.t.inspect(a).page.pins) CHECK(*pins == 512);
    w.audit();
    w.unpin(512);
    CHECK(w.refs(a) == 512);
    w.audit();
}

BOTH_PROFILES("golden: the zero page counts GETs, and pins in 2019 only", "[golden]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.load(a).value == 0);
    const auto z = w.refs(a);
    const auto before = w.box.counters();
    CHECK(w.get(a, 1) == 1);
    CHECK(w.refs(a) == z + 1);
    w.put(1);
    CHECK(w.pin(a, 1) == 1);
    CHECK(w.pages[0] == w.box.phys().zero_page());
    CHECK(w.refs(a) == z + pick<TestType>(1024, 0));
    CHECK((w.box.counters() - before) == mm::pin_counters{pick<TestType>(1, 0), 0});
    w.audit();
    w.unpin(1);
    CHECK(w.refs(a) == z);
    CHECK((w.box.counters() - before) == mm::pin_counters{pick<TestType>(1, 0), pick<TestType>(1, 0)});
    w.audit();
}

BOTH_PROFILES("golden: the huge zero page is counted like any large page", "[golden]") {
    world<TestType> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.load(a).value == 0);
    const auto z = w.refs(a);
    CHECK(w.pin(a, 4) == 4);
    CHECK(w.refs(a) == z + pick<TestType>(4096, 4));
    CHECK(w.box.counters().live() == 4);
    w.unpin(4);
    CHECK(w.refs(a) == z);
    w.audit();
}

BOTH_PROFILES("golden: three GETs, two pins, one mapping; released in any order", "[golden]") {
    for (int order = 0; order < 10; ++order) {
        world<TestType> w;
        const vaddr a = w.map(4096);
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        for (int i = 0; i < 3; ++i) REQUIRE(w.get(a, 1) == 1);
        for (int i = 0; i < 2; ++i) REQUIRE(w.pin(a, 1, foll::write) == 1);
        CHECK(w.refs(a) == 2052);
        auto* page = w.pages[0];
        const auto free = w.box.free_pages();
        if (order % 2 != 0) {
            CHECK(w.t.munmap(a, 4096) == 0);
            CHECK(w.box.state_of(page).refs == 2051);
        }
        const std::uint64_t held = w.box.free_pages();
        // The ten ways to place two pins among five releases.
        int at = 0, placed = 0;
        for (int first = 0; first < 5; ++first)
            for (int second = first + 1; second < 5; ++second, ++at)
                if (at == order)
                    for (int k = 0; k < 5; ++k) {
                        CHECK(w.box.free_pages() == held);  // freed by the last release only
                        if (k == first || k == second) w.t.unpin_user_page(page);
                        else w.t.put_page(page);
                        ++placed;
                    }
        CHECK(placed == 5);
        if (order % 2 != 0) CHECK(w.box.free_pages() > free);
        else CHECK(w.refs(a) == 1);
        w.audit();
    }
}

TEST_CASE("golden: the pinned test at its boundaries, unsigned", "[golden]") {
    const auto check = [](auto profile) {
        using P = decltype(profile);
        world<P> w;
        const vaddr a = w.map(4096);
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        auto* page = w.page_at(a);
        using ops = typename mm::physical<P>::ops;
        for (const auto& [raw, is] : std::initializer_list<std::pair<std::int32_t, bool>>{
                 {1, false}, {1023, false}, {1024, true}, {INT32_MAX, true}, {INT32_MIN, true}, {-1, true},
                 {-2147482624, true}}) {
            page->count.set_raw(raw);
            CHECK(static_cast<bool>(ops::maybe_pinned(page)) == is);
        }
        page->count.set_raw(1);
    };
    check(checked_2019{});
    check(checked_6_12{});
}

}  // namespace golden_tests
