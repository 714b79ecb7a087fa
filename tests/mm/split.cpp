// SPDX-License-Identifier: BSL-1.0
// Huge folios fall into base pages where nobody holds them, for reclaim and KSM as well. Source: spec 07 B7,
// spec 10 §10 §12.
#include "sharing_box.hpp"

namespace split_tests {

namespace {

using namespace mmt;

BOTH_PROFILES("a huge page is split into base pages that keep letters and identity", "[split]") {
    family<TestType> w;
    const vaddr a = w.huge();
    w.put_byte(w.t, a + 5 * one, 9);
    auto* const sixth = w.page_at(a + 5 * one);
    CHECK(mm::split_range(w.t.mm(), a, a + 2_MiB) == 1);
    CHECK(w.page_at(a + 5 * one) == sixth);
    CHECK(w.t.inspect(a).page.order == 0);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == marks<TestType>("XDB"));
    CHECK(w.refs(a + 5 * one) == 1);
    CHECK(w.letters(a + one) == pick<TestType>("WDY", "YS"));
    CHECK(w.byte(w.t, a + 5 * one) == 9);
    w.audit();
}

BOTH_PROFILES("a huge page somebody holds is not split", "[split]") {
    family<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.get(a + 7 * one, 1) == 1);
    CHECK(mm::split_range(w.t.mm(), a, a + 2_MiB) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("part of a huge page is paged out: the folio is split first", "[split]") {
    family<TestType> w;
    const vaddr a = w.huge();
    for (unsigned i = 0; i < 512; ++i) w.put_byte(w.t, a + i * one, 3);
    CHECK(w.page_out(a + 10 * one, 2) == 0);
    CHECK(w.map_of(a + 10 * one) == mm::entry_kind::swap);
    CHECK(w.map_of(a + 12 * one) == mm::entry_kind::leaf);
    CHECK(w.t.inspect(a + 12 * one).page.order == 0);
    CHECK(w.flags(a + 12 * one) == marks<TestType>("XDB"));
    REQUIRE(w.t.madvise(a + 20 * one, one, mm::advice::free) == 0);
    CHECK(w.letters(a + 20 * one) == "W");
    w.audit();
}

BOTH_PROFILES("KSM splits a huge page to merge a part of it", "[split]") {
    family<TestType> w;
    const vaddr a = w.huge();
    for (unsigned i = 0; i < 512; ++i) w.put_byte(w.t, a + i * one, static_cast<unsigned char>(1 + i % 100));
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::mergeable) == 0);
    w.box.ksm().run(4);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::ksm);
    CHECK(w.byte(w.t, a + 511 * one) == 1 + 511 % 100);
    CHECK(w.refs(a) == 6);
    w.audit();
}

}  // namespace

}  // namespace split_tests
