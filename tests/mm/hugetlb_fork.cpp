// SPDX-License-Identifier: BSL-1.0
// hugetlb and fork: sharing, early copies, copies on write from a scarce pool. Source: spec 07 §5 §6, spec 10 §7 §8.
#include "hugetlb_box.hpp"

namespace hugetlb_fork_tests {

using namespace mmt;

namespace {

template <class P>
mm::task<P>& fork_of(huge_world<P>& w) {
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    return **child;
}

}  // namespace

BOTH_PROFILES("fork shares an unpinned huge page read-only and keeps its letters", "[hugetlb-fork]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto& c = fork_of(w);
    CHECK(w.letters(a) == "DY");
    CHECK(c.inspect(a).letters == "DY");
    CHECK(w.refs(a) == 2);
    CHECK(w.flags(a) == "");
    CHECK(w.pool().state().reserved == 0);
    REQUIRE(c.store(a, 3) == mm::fault_result::ok);
    CHECK(w.t.load(a).value == 1);
    CHECK(c.load(a).value == 3);
    w.audit();
    w.box.exit(c);
    REQUIRE(w.t.store(a, 2) == mm::fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    w.audit();
}

BOTH_PROFILES("A pinned huge page and fork: the device stays with the parent, or does not (HAZ-COW)", "[hugetlb-fork]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    auto& c = fork_of(w);
    if constexpr (!is_2019<TestType>) {
        CHECK(w.letters(a) == "WDY");
        CHECK(c.inspect(a).letters == "WDY");
        CHECK(c.inspect(a).page.page != w.page_at(a));
        CHECK(w.stock() == stock{6, 0});
    }
    REQUIRE(w.t.store(a, 2) == mm::fault_result::ok);
    CHECK(w.box.dma_read(w.pages[0], 0) == pick<TestType>(1, 2));
    CHECK(c.load(a).value == 1);
    w.unpin(1);
    w.audit();
}

TEST_CASE("A pinned huge page cannot be forked when the pool has no page nobody was promised", "[hugetlb-fork]") {
    huge_world<checked_6_12> w(1);
    const vaddr a = w.map_huge();
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.box.fork(w.t).error == -err::enomem);
    CHECK(w.letters(a) == "WDY");
    w.unpin(1);
    CHECK(w.refs(a) == 1);
    w.audit();
}

BOTH_PROFILES("With an empty pool the owner takes the page from its children, and they get SIGBUS", "[hugetlb-fork]") {
    huge_world<TestType> w(1);
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    frame<TestType>* const page = w.page_at(a);
    auto& c = fork_of(w);
    SECTION("the owner writes") {
        REQUIRE(w.t.store(a, 2) == mm::fault_result::ok);
        CHECK(w.page_at(a) == page);
        CHECK(w.letters(a) == "WDY");
        CHECK(c.load(a).fault == mm::fault_result::sigbus);
        CHECK(c.inspect(a).map == mm::entry_kind::none);
    }
    SECTION("the child writes: it owns nothing") {
        CHECK(c.store(a, 2) == mm::fault_result::sigbus);
        CHECK(c.load(a).value == 1);
    }
    w.audit();
}

TEST_CASE("A read pin makes a shared huge page exclusive by a copy, or by reuse when mapped once", "[hugetlb-fork]") {
    huge_world<checked_6_12> w;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    frame<checked_6_12>* const page = w.page_at(a);
    auto& c = fork_of(w);
    const bool exits = GENERATE(false, true), slow = GENERATE(false, true);
    if (exits) w.box.exit(c);
    REQUIRE((slow ? w.pin_slow(a, 1) : w.pin(a, 1)) == 1);
    CHECK((w.page_at(a) == page) == exits);
    CHECK(w.letters(a) == (exits ? "DY" : "Y"));
    REQUIRE(w.t.store(a, 2) == mm::fault_result::ok);
    CHECK(w.box.dma_read(w.pages[0], 0) == 2);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("A plain reference does not keep a huge page from being reused (NR-9)", "[hugetlb-fork]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto& c = fork_of(w);
    std::vector<frame<TestType>*> got(1);
    REQUIRE(c.get_user_pages_fast(a, 1, 0, got) == 1);
    REQUIRE(c.munmap(a, 2_MiB) == 0);
    REQUIRE(w.t.store(a, 2) == mm::fault_result::ok);
    CHECK(w.box.dma_read(got[0], 0) == 2);
    c.put_pages(got);
    w.audit();
}

BOTH_PROFILES("A pin follows a huge mapping that is moved", "[hugetlb-fork]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge(2), b = a + 1_GiB;
    REQUIRE(w.t.store(a, 9) == mm::fault_result::ok);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    REQUIRE(w.t.mremap(a, {.old_length = 4_MiB, .new_length = 4_MiB, .to = b}).error == 0);
    CHECK(w.letters(b) == "WDY");
    w.box.dma_write(w.pages[0], 0, 8);
    CHECK(w.t.load(b).value == 8);
    CHECK(w.pool().state().reserved == 1);
    CHECK(w.t.mremap(b, {.old_length = 2_MiB, .new_length = 8_MiB}).error == -err::einval);
    w.unpin(1);
    REQUIRE(w.t.munmap(b, 4_MiB) == 0);
    CHECK(w.stock() == stock{8, 0});
    w.audit();
}

BOTH_PROFILES("A shared huge mapping is inherited with its entries in 2019, empty in linux_6_12", "[hugetlb-fork]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge(1, true);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const std::int64_t rest = w.refs(a);
    auto& c = fork_of(w);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.refs(a) == rest + pick<TestType>(1, 0));
    CHECK((c.inspect(a).map == mm::entry_kind::leaf) == is_2019<TestType>);
    REQUIRE(c.store(a, 2) == mm::fault_result::ok);
    CHECK(w.t.load(a).value == 2);
    CHECK(w.refs(a) == rest + 1);
    w.audit();
}

}  // namespace hugetlb_fork_tests
