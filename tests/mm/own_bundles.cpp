// SPDX-License-Identifier: BSL-1.0
// Bundles nobody ships: exact pins everywhere, exact from order 2 on (v5.7), device pages that idle at 0 (v6.15),
// counts that saturate. The walks are the product's. Source: spec 00 §4.
#include "hugetlb_box.hpp"

using namespace mmt;

namespace {

struct exact_everywhere : product_6_12 {
    using pins = pinfold::exact_pins;
    using devices = mm::zero_based;
};
struct exact_everywhere_2019 : product_2019 {
    using pins = pinfold::exact_pins;
};
/// v5.7: order 1 had no room for a second word.
struct order_two_and_more {
    template <class Frame>
    constexpr bool operator()(const Frame& head) const noexcept {
        return head.order() >= 2;
    }
};
struct exact_from_order_two : product_6_12 {
    using pins = pinfold::hybrid_pins<order_two_and_more{}, 1024>;
};
struct another_bias : product_2019 {
    using pins = pinfold::overlay_pins<64>;
};
struct saturating : product_6_12 {
    using pins = pinfold::hybrid_pins<mm::large_folio{}, 1024>;  // two words: one that is shared cannot saturate
    using devices = mm::zero_based;
    using overflow = pinfold::saturate;
    using liveness = pinfold::zero_is_dead;  // saturation needs the negative values
};

/// What one pin adds to the word of a base page, and of a huge one.
template <class P>
constexpr int small_pin = 1024;
template <class P>
constexpr int huge_pin = 1;
template <>
constexpr int small_pin<exact_everywhere> = 1;
template <>
constexpr int small_pin<exact_everywhere_2019> = 1;
template <>
constexpr int small_pin<another_bias> = 64;
template <>
constexpr int huge_pin<another_bias> = 64;

}  // namespace

TEMPLATE_TEST_CASE("a bundle's pin scheme holds on every path, and every unit is accounted for", "[own-bundles]",
                   exact_everywhere, exact_everywhere_2019, exact_from_order_two, another_bias, saturating) {
    huge_world<TestType> w(2);
    const bool slow = GENERATE(false, true);
    const vaddr small = w.map(2 * 4096), thp = w.huge(), pool = w.map_huge();
    REQUIRE(w.t.store(small, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(small + 4096, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(pool, 1) == mm::fault_result::ok);
    const auto pins_of = [&](vaddr a, long n) { return slow ? w.pin_slow(a, n, foll::write) : w.pin(a, n, foll::write); };
    REQUIRE(pins_of(small, 2) == 2);
    CHECK(w.refs(small) == 1 + small_pin<TestType>);
    CHECK(w.t.inspect(small).page.maybe_pinned);
    w.audit();
    w.unpin(2);
    for (const vaddr a : {thp, pool}) {
        REQUIRE(pins_of(a + 4096, 3) == 3);
        CHECK(w.refs(a) == 1 + 3 * huge_pin<TestType>);
        CHECK(w.t.inspect(a + 9 * 4096).page.maybe_pinned);
        w.t.folio_add_pin(w.pages[0]);
        CHECK(w.refs(a) == 1 + 4 * huge_pin<TestType>);
        w.audit();
        w.t.unpin_user_page(w.pages[0]);
        w.unpin(3);
        CHECK_FALSE(w.t.inspect(a).page.maybe_pinned);
    }
    w.split_entry(thp);  // one folio still, and an entry for each page
    const auto before = w.refs(thp);
    REQUIRE(pins_of(thp + 4096, 20) == 20);
    CHECK(w.refs(thp) == before + 20 * huge_pin<TestType>);
    w.audit();
    w.unpin(20);
    CHECK(w.refs(thp) == before);
    CHECK(w.box.warn().total() == 0);
    w.audit();
}

TEMPLATE_TEST_CASE("where pins are exact, references never look like pins", "[own-bundles]", exact_everywhere, exact_everywhere_2019) {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* const page = w.page_at(a);
    for (int i = 0; i < 3000; ++i) REQUIRE(w.get(a, 1) == 1);
    CHECK(w.refs(a) == 3001);
    CHECK_FALSE(w.t.inspect(a).page.maybe_pinned);
    CHECK(w.t.inspect(a).page.pins == 0);
    for (int i = 0; i < 3000; ++i) w.t.put_page(page);
    w.audit();
}

TEST_CASE("fork under exact pins copies what is pinned, and only that", "[own-bundles]") {
    world<exact_everywhere> w;
    const vaddr a = w.map(2 * 4096);
    for (const vaddr b : {a, a + 4096}) REQUIRE(w.t.store(b, 1) == mm::fault_result::ok);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    CHECK((*child)->inspect(a).page.page != w.page_at(a));
    CHECK((*child)->inspect(a + 4096).page.page == w.page_at(a + 4096));
    w.unpin(1);
    w.audit();
    w.box.exit(**child);
}

TEMPLATE_TEST_CASE("device pages that idle at 0 are counted like memory, whatever the pin scheme", "[own-bundles]", exact_everywhere,
                   saturating) {
    world<TestType> w([] {
        mm::options o = small();
        o.device_space = 64_MiB;
        o.pmem = 8_MiB;
        return o;
    }());
    auto& f = w.box.create_file(mm::file_kind::fsdax, 2 * 4096, mm::fill::pattern);
    const vaddr a = w.map(2 * 4096, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 9) == mm::fault_result::ok);
    CHECK(w.refs(a) == 1);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.refs(a) == 1 + small_pin<TestType>);
    auto* const page = w.pages[0];
    REQUIRE(w.t.munmap(a, 2 * 4096) == 0);
    CHECK(page->count.refs() == small_pin<TestType>);
    w.audit();
    w.unpin(1);
    CHECK(page->count.refs() == 0);
    w.audit();
}

TEST_CASE("a count that saturates stays where it is: its page is never freed, and gup goes on", "[own-bundles]") {
    world<saturating> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* const page = w.page_at(a);
    page->count.set_raw(0x7fffffff);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(page->count.refs() < 0);
    w.unpin(1);
    REQUIRE(w.pin_slow(a, 1, foll::write) <= 1);
    REQUIRE(w.t.munmap(a, 4096) == 0);
    CHECK(page->count.refs() < 0);
    CHECK_FALSE(page->is(mm::pg::buddy));
}
