// SPDX-License-Identifier: BSL-1.0
// Anonymous folios of less than a pmd: when a fault makes one, and what pins, fork and unmapping make of it.
// Source: spec 10 §1 §7 §12.
#include "sharing_box.hpp"

namespace mthp_tests {

namespace {

using namespace mmt;

template <class P>
struct sizes : family<P> {
    explicit sizes(unsigned order = 4, mm::thp_mode mode = mm::thp_mode::always) { set(order, mode); }
    void set(unsigned order, mm::thp_mode mode) { this->box.phys().small_thp[order] = mode; }
    unsigned order_at(vaddr a) { return this->t.inspect(a).page.order; }
    void write(vaddr a) { this->put_byte(this->t, a, 1); }
};

TEST_CASE("one write maps sixteen pages of one folio", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(64 * one, {.at = vaddr{1} << 40});
    w.write(a + 21 * one);
    CHECK(w.order_at(a + 16 * one) == 4);
    CHECK(w.t.inspect(a + 15 * one).map == mm::entry_kind::none);
    for (unsigned k = 16; k < 32; ++k) {
        const auto o = w.t.inspect(a + k * one);
        CHECK(o.letters == "WDY");
        CHECK(o.page.flags == "XB");
        CHECK(o.page.index == k - 16);
        CHECK(o.page.refs == 16);
        CHECK(o.page.mapcount == 1);
        CHECK(o.page.folio_mapcount == 16);
    }
    REQUIRE(w.pin(a + 16 * one, 16, foll::write) == 16);
    CHECK(w.refs(a + 16 * one) == 32);
    CHECK(w.t.inspect(a + 20 * one).page.pins == 16);
    CHECK(w.t.inspect(a + 20 * one).page.maybe_pinned);
    w.unpin(16);
    w.audit();
}

TEST_CASE("the largest size that fits and is wanted is taken", "[mthp]") {
    sizes<checked_6_12> w;
    w.set(6, mm::thp_mode::always);
    const vaddr a = w.map(100 * one, {.at = vaddr{1} << 40});
    w.write(a + 70 * one);
    CHECK(w.order_at(a + 70 * one) == 4);  // 64 pages from 64 on do not fit
    w.write(a);
    CHECK(w.order_at(a) == 6);
    w.write(a + 97 * one);
    CHECK(w.order_at(a + 97 * one) == 0);  // nor do 16 from 96 on
    w.audit();
}

TEST_CASE("something mapped there already leaves room for less", "[mthp]") {
    sizes<checked_6_12> w;
    w.set(2, mm::thp_mode::always);
    const vaddr a = w.map(64 * one, {.at = vaddr{1} << 40});
    CHECK(w.byte(w.t, a + 3 * one) == 0);  // a zero page
    w.write(a + 9 * one);
    CHECK(w.order_at(a + 9 * one) == 2);
    w.write(a + one);
    CHECK(w.order_at(a + one) == 0);
    w.write(a + 3 * one);
    CHECK(w.order_at(a + 3 * one) == 0);  // the zero page is copied alone
    w.audit();
}

TEST_CASE("who may have them: setting and advice", "[mthp]") {
    sizes<checked_6_12> w(4, mm::thp_mode::madvise);
    const vaddr a = w.map(48 * one, {.at = vaddr{1} << 40});
    w.write(a);
    CHECK(w.order_at(a) == 0);
    REQUIRE(w.t.madvise(a + 16 * one, 16 * one, mm::advice::hugepage) == 0);
    w.write(a + 16 * one);
    CHECK(w.order_at(a + 16 * one) == 4);
    w.set(4, mm::thp_mode::inherit);
    w.box.phys().thp = mm::thp_mode::always;
    w.write(a + 32 * one);
    CHECK(w.order_at(a + 32 * one) == 4);
    REQUIRE(w.t.munmap(a + 32 * one, 16 * one) == 0);
    const vaddr b = w.map(16 * one, {.at = vaddr{1} << 41});
    REQUIRE(w.t.madvise(b, 16 * one, mm::advice::nohugepage) == 0);
    w.write(b);
    CHECK(w.order_at(b) == 0);
    w.audit();
}

TEST_CASE("no memory in one piece: a base page", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(64_MiB, {.at = vaddr{1} << 40});
    // All memory goes in folios of 16 pages, every second of which is split up and half given back.
    std::uint64_t made = 0;
    while (w.t.store(a + made * 16 * one, 1) == mm::fault_result::ok && w.order_at(a + made * 16 * one) == 4) ++made;
    REQUIRE(made > 100);
    CHECK(w.order_at(a + made * 16 * one) == 0);
    w.audit();
}

TEST_CASE("a pinned folio is copied by base pages at fork, an unpinned one shared", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(16 * one, {.at = vaddr{1} << 40});
    w.write(a);
    auto& first = w.fork();
    CHECK(w.refs(a) == 32);
    CHECK(first.inspect(a).page.page == w.page_at(a));
    CHECK(w.flags(a + 3 * one).find('X') == std::string::npos);
    w.box.exit(first);
    const vaddr b = w.map(16 * one, {.at = vaddr{1} << 41});
    w.write(b);
    REQUIRE(w.pin(b + 9 * one, 1, foll::write) == 1);
    auto& second = w.fork();
    CHECK(w.letters(b) == "WDY");
    CHECK(w.refs(b) == 17);
    for (unsigned k = 0; k < 16; ++k) {
        CHECK(second.inspect(b + k * one).page.order == 0);
        CHECK(second.inspect(b + k * one).letters == "WDY");
    }
    w.unpin(1);
    w.audit();
}

TEST_CASE("a part that is unmapped: the folio stays while anything maps or pins it", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(16 * one, {.at = vaddr{1} << 40});
    w.write(a);
    REQUIRE(w.pin(a + 8 * one, 4, foll::write) == 4);
    REQUIRE(w.t.madvise(a, 12 * one, mm::advice::dontneed) == 0);
    const auto s = w.box.state_of(w.pages[0]);
    CHECK(s.order == 4);
    CHECK(s.refs == 8);
    CHECK(s.pins == 4);
    CHECK(s.folio_mapcount == 4);
    CHECK(w.box.phys().partly_mapped.size() == 1);
    w.unpin(4);
    CHECK(mm::split_partly_mapped(w.box.phys()) == 1);
    CHECK(w.order_at(a + 12 * one) == 0);
    w.audit();
}

TEST_CASE("split, migration into base pages and reclaim take it like any large folio", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(32 * one, {.at = vaddr{1} << 40});
    for (unsigned k = 0; k < 32; ++k) w.write(a + k * one);
    auto* const third = w.page_at(a + 2 * one);
    CHECK(mm::split_range(w.t.mm(), a, a + one) == 1);
    CHECK(w.page_at(a + 2 * one) == third);
    CHECK(w.order_at(a) == 0);
    REQUIRE(w.page_out(a + 16 * one, 16) == 0);
    for (unsigned k = 16; k < 32; ++k) CHECK(w.map_of(a + k * one) == mm::entry_kind::swap);
    CHECK(w.byte(w.t, a + 20 * one) == 1);
    w.audit();
}

TEST_CASE("what went to swap as one folio comes back as one, where that size is still wanted", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(16 * one, {.at = vaddr{1} << 40});
    for (unsigned k = 0; k < 16; ++k) w.put_byte(w.t, a + k * one, static_cast<unsigned char>(k + 1));
    REQUIRE(w.page_out(a, 16) == 0);
    SECTION("by a read") {
        CHECK(w.byte(w.t, a + 5 * one) == 6);
        CHECK(w.letters(a) == "WY");
    }
    SECTION("by a write") {
        w.put_byte(w.t, a + 5 * one, 6);
        CHECK(w.letters(a) == "WDY");
    }
    CHECK(w.order_at(a) == 4);
    CHECK(w.flags(a + 9 * one) == "XB");
    CHECK(w.refs(a) == 16);
    CHECK(w.box.phys().swap.used() == 0);
    CHECK(w.byte(w.t, a + 15 * one) == 16);
    REQUIRE(w.page_out(a, 16) == 0);
    w.set(4, mm::thp_mode::never);
    CHECK(w.byte(w.t, a + 5 * one) == 6);
    CHECK(w.order_at(a + 5 * one) == 0);
    w.set(4, mm::thp_mode::always);
    CHECK(w.byte(w.t, a) == 1);  // no row of sixteen any more
    CHECK(w.order_at(a) == 0);
    w.audit();
}

TEST_CASE("sixteen pages and more collapse into a huge one", "[mthp]") {
    sizes<checked_6_12> w;
    const vaddr a = w.map(2_MiB, {.at = vaddr{1} << 40});
    for (unsigned k = 0; k < 512; k += 16) w.write(a + k * one);
    REQUIRE(w.order_at(a) == 4);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::collapse) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.byte(w.t, a + 32 * one) == 1);
    w.audit();
}

TEST_CASE("2019 has no such folios", "[mthp]") {
    sizes<checked_2019> w;
    const vaddr a = w.map(16 * one, {.at = vaddr{1} << 40});
    w.write(a);
    CHECK(w.order_at(a) == 0);
    w.audit();
}

}  // namespace

}  // namespace mthp_tests
