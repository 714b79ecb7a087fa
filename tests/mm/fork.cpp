// SPDX-License-Identifier: BSL-1.0
// fork and what follows: who has which page, with which entry, and whether device and parent stay together.
// Source: spec 07 §5 §6, spec 10 §7 §8.
#include "sharing_box.hpp"

namespace fork_tests {

namespace {

using namespace mmt;

BOTH_PROFILES("fork shares an anonymous page read-only between parent and child", "[fork]") {
    family<TestType> w;
    const vaddr a = w.written(1);
    auto& c = w.fork();
    CHECK(w.letters(a) == "DY");
    CHECK(c.inspect(a).letters == "D");
    CHECK(w.refs(a) == 2);
    CHECK(w.t.inspect(a).page.mapcount == 2);
    CHECK(w.flags(a) == "B");
    CHECK(c.inspect(a).page.page == w.page_at(a));
    w.audit();
}

BOTH_PROFILES("fork shares the huge zero page: one reference of the child, whatever it shows of it", "[fork]") {
    family<TestType> w;
    const vaddr a = w.map(6_MiB, {.huge = true});
    w.put_byte(w.t, a, 1);
    REQUIRE(w.byte(w.t, a + 2_MiB) == 0);
    REQUIRE(w.byte(w.t, a + 4_MiB) == 0);
    auto& phys = w.box.phys();
    auto* const zero = phys.head(w.page_at(a + 2_MiB));
    REQUIRE(phys.is_huge_zero(zero));
    const std::int64_t before = zero->count.refs();
    auto& c = w.fork();
    CHECK(c.inspect(a + 2_MiB).page.kind == mm::page_kind::huge_zero);
    CHECK(c.inspect(a + 4_MiB).page.kind == mm::page_kind::huge_zero);
    CHECK(zero->count.refs() == before + 1);
    w.audit();
    w.put_byte(c, a + 2_MiB, 5);
    CHECK(w.byte(w.t, a + 2_MiB) == 0);
    w.box.exit(c);
    CHECK(zero->count.refs() == before);
    w.audit();
}

BOTH_PROFILES("what has failed has failed for the child, too", "[fork]") {
    family<TestType> w;
    const vaddr a = w.written(2, 5);
    auto& phys = w.box.phys();
    REQUIRE(mm::memory_failure(phys, phys.number(w.page_at(a))).fate == mm::failure_fate::contained);
    auto& c = w.fork();
    CHECK(c.inspect(a).map == mm::entry_kind::hwpoison);
    CHECK(c.load(a).fault == mm::fault_result::hwpoison);
    CHECK(w.byte(c, a + one) == 5);
    w.audit();
}

BOTH_PROFILES("a child faults a file's huge page in by itself; the private copies beside it are shared", "[fork]") {
    family<TestType> w;
    mm::file& f = w.box.create_file(mm::file_kind::tmpfs_huge, 4_MiB, mm::fill::pattern);
    const vaddr a = w.map(4_MiB, {.source = &f});
    REQUIRE(w.byte(w.t, a) == 1);
    REQUIRE(w.t.inspect(a).at == mm::level::pmd);
    w.put_byte(w.t, a + 2_MiB, 9);
    const std::int64_t before = w.refs(a);
    auto& c = w.fork();
    CHECK(c.inspect(a).map == mm::entry_kind::none);
    CHECK(w.refs(a) == before);
    CHECK(c.inspect(a + 2_MiB).page.page == w.page_at(a + 2_MiB));
    CHECK(w.byte(c, a) == 1);
    w.audit();
}

BOTH_PROFILES("after a fork the first writer copies and the last one keeps the page", "[fork]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    auto& c = w.fork();
    auto* const page = w.page_at(a);
    w.put_byte(w.t, a, 6);
    CHECK(w.page_at(a) != page);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == marks<TestType>("XB"));
    CHECK(w.byte(c, a) == 5);
    CHECK(c.inspect(a).page.refs == 1);
    w.put_byte(c, a, 7);
    CHECK(c.inspect(a).page.page == page);
    CHECK(c.inspect(a).letters == "WDY");
    w.audit();
}

TEST_CASE("linux_6_12: fork copies a pinned page for the child, and the parent stays with the device", "[fork]") {
    family<checked_6_12> w;
    const vaddr a = w.written(2, 5);
    const unsigned flags = GENERATE(0U, foll::write, foll::longterm, foll::write | foll::longterm);
    REQUIRE(w.pin(a, 1, flags) == 1);
    auto& c = w.fork();
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "XB");
    CHECK(w.refs(a) == 1025);
    CHECK(c.inspect(a).letters == "WDY");
    CHECK(c.inspect(a).page.flags == "XB");
    CHECK(c.inspect(a).page.refs == 1);
    CHECK(c.inspect(a + mm::page_size).page.page == w.page_at(a + mm::page_size));  // its neighbour is shared
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 6);
    CHECK(w.byte(c, a) == 5);
    w.unpin(1);
    w.audit();
}

TEST_CASE("foll_pin_2019: the parent writes after a fork and leaves its device behind (HAZ-COW)", "[fork]") {
    family<checked_2019> w;
    const vaddr a = w.written(1, 5);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    auto* const pinned = w.pages[0];
    auto& c = w.fork();
    w.put_byte(w.t, a, 6);
    CHECK(w.page_at(a) != pinned);
    CHECK(w.seen_by_device() == 5);
    CHECK(c.inspect(a).page.page == pinned);
    w.unpin(1);
    w.audit();
}

TEST_CASE("linux_6_12: a GET does not make fork copy, and goes stale with the next write", "[fork]") {
    family<checked_6_12> w;
    const vaddr a = w.written(1, 5);
    REQUIRE(w.get(a, 1) == 1);
    auto& c = w.fork();
    CHECK(w.refs(a) == 3);
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 5);
    CHECK(w.byte(c, a) == 5);
    w.put(1);
    w.audit();
}

TEST_CASE("linux_6_12: 1024 plain references look pinned to fork, but only in a space that ever pinned", "[fork]") {
    const bool pinned_before = GENERATE(false, true);
    family<checked_6_12> w;
    const vaddr a = w.written(2, 5);
    if (pinned_before) {
        REQUIRE(w.pin(a + mm::page_size, 1, foll::write) == 1);
        w.unpin(1);
    }
    std::vector<frame<checked_6_12>*> got;
    for (int i = 0; i < 1023; ++i) {
        REQUIRE(w.get(a, 1) == 1);
        got.push_back(w.pages[0]);
    }
    auto& c = w.fork();
    CHECK((c.inspect(a).page.page == w.page_at(a)) == !pinned_before);
    CHECK_FALSE(c.has_pinned());
    w.t.put_pages(got);
    w.audit();
}

BOTH_PROFILES("fork shares a huge page by one reference and one mapping", "[fork]") {
    family<TestType> w;
    const vaddr a = w.huge();
    auto& c = w.fork();
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.letters(a) == "DY");
    CHECK(c.inspect(a).at == mm::level::pmd);
    CHECK(c.inspect(a).letters == "D");
    CHECK(w.refs(a) == 2);
    CHECK(w.t.inspect(a).page.folio_mapcount == 2);
    w.audit();
    w.put_byte(c, a + 300 * mm::page_size, 9);  // the child's entry is split, and one page of it copied
    CHECK(c.inspect(a).at == mm::level::pte);
    CHECK(c.inspect(a + 300 * mm::page_size).page.order == 0);
    CHECK(w.refs(a) == 512);
    w.audit();
}

TEST_CASE("linux_6_12: one pinned tail makes fork split the parent's entry and copy all 512 pages", "[fork]") {
    family<checked_6_12> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a + 100 * mm::page_size, 1, foll::write) == 1);
    auto& c = w.fork();
    CHECK(w.t.inspect(a).at == mm::level::pte);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "XDB");
    CHECK(w.refs(a) == 513);
    for (const std::uint64_t k : {0U, 100U, 511U}) {
        const auto o = c.inspect(a + k * mm::page_size);
        CHECK(o.letters == "WDY");
        CHECK(o.page.order == 0);
        CHECK(o.page.flags == "XB");
    }
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("fork leaves out what the child finds by itself", "[fork]") {
    family<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4096, mm::fill::pattern);
    const vaddr shared = w.map(4096, {.shared = true, .source = &f});
    const vaddr private_ro = w.map(4096, {.prot = mm::prot::read, .source = &f});
    const vaddr gone = w.written(1);
    const vaddr wiped = w.written(1, 7);
    w.put_byte(w.t, shared, 3);
    CHECK(w.byte(w.t, private_ro) == 3);
    REQUIRE(w.t.madvise(gone, 4096, mm::advice::dontfork) == 0);
    REQUIRE(w.t.madvise(wiped, 4096, mm::advice::wipeonfork) == 0);
    auto& c = w.fork();
    CHECK(c.inspect(shared).map == mm::entry_kind::none);
    CHECK(c.inspect(private_ro).map == mm::entry_kind::none);
    CHECK_FALSE(c.inspect(gone).has_vma);
    CHECK(c.inspect(wiped).map == mm::entry_kind::none);
    CHECK(w.byte(c, wiped) == 0);
    CHECK(w.byte(c, shared) == 3);
    CHECK(c.store(private_ro, 1) == mm::fault_result::sigsegv);
    w.audit();
}

BOTH_PROFILES("untouched anonymous memory: the child starts empty, or with the zero page", "[fork]") {
    family<TestType> w;
    const vaddr a = w.map(4096);
    CHECK(w.byte(w.t, a) == 0);
    auto& c = w.fork();
    if (is_2019<TestType>) CHECK(c.inspect(a).letters == "S");
    else CHECK(c.inspect(a).map == mm::entry_kind::none);
    const vaddr b = w.map(2 * mm::page_size);  // one page of it written: all of its entries are copied
    w.put_byte(w.t, b, 1);
    CHECK(w.byte(w.t, b + mm::page_size) == 0);
    auto& d = w.fork();
    CHECK(d.inspect(b + mm::page_size).letters == "S");
    CHECK(w.letters(b + mm::page_size) == "YS");
    w.audit();
}

BOTH_PROFILES("file pages of a private mapping that has copies are shared by count and mapping", "[fork]") {
    family<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 2 * mm::page_size, mm::fill::pattern);
    const vaddr a = w.map(2 * mm::page_size, {.source = &f});
    CHECK(w.byte(w.t, a) == 1);
    w.put_byte(w.t, a + mm::page_size, 9);
    const auto before = w.refs(a);
    auto& c = w.fork();
    CHECK(w.refs(a) == before + 1);
    CHECK(w.letters(a) == "Y");
    CHECK(c.inspect(a).letters.empty());
    CHECK(c.inspect(a).page.page == w.page_at(a));
    w.audit();
}

BOTH_PROFILES("children of children share one page; each exit gives one mapping back", "[fork]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    auto& c = w.fork();
    auto& d = w.fork(c);
    CHECK(w.refs(a) == 3);
    w.box.exit(c);
    CHECK(w.refs(a) == 2);
    CHECK(w.byte(d, a) == 5);
    w.box.exit(d);
    CHECK(w.refs(a) == 1);
    CHECK(w.letters(a) == "DY");
    auto* const page = w.page_at(a);
    w.put_byte(w.t, a, 6);
    CHECK(w.page_at(a) == page);
    w.audit();
}

TEST_CASE("linux_6_12: a read pin unshares first, by reuse or by copy", "[fork]") {
    family<checked_6_12> w;
    const vaddr a = w.written(1, 5);
    auto& c = w.fork();
    auto* const shared = w.page_at(a);
    REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.pages[0] != shared);
    CHECK(w.letters(a) == "Y");
    CHECK(w.flags(a) == "XB");
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 6);
    w.unpin(1);
    auto* const last = c.inspect(a).page.page;
    std::vector<frame<checked_6_12>*> out(1);
    REQUIRE(c.pin_user_pages_fast(a, 1, 0, out) == 1);
    CHECK(out[0] == last);
    CHECK(c.inspect(a).page.flags == "XB");
    CHECK(c.inspect(a).letters == "D");
    c.unpin_user_page(out[0]);
    w.audit();
}

TEST_CASE("foll_pin_2019: a read pin of a shared page goes stale with the next write (HAZ-RO-PIN)", "[fork]") {
    family<checked_2019> w;
    const vaddr a = w.written(1, 5);
    w.fork();
    REQUIRE(w.pin(a, 1) == 1);
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 5);
    w.unpin(1);
    w.audit();
}

TEST_CASE("linux_6_12: a fast pin that overlaps a fork is given back and taken slowly", "[fork]") {
    family<checked_6_12> w;
    const vaddr a = w.written(1, 5);
    mm::task<checked_6_12>* c = nullptr;
    hooked::once(mm::race_point::after_walk, [&] { c = &w.fork(); });
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    REQUIRE(c != nullptr);
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 6);
    CHECK(w.byte(*c, a) == 5);
    w.unpin(1);
    w.audit();
}

TEST_CASE("foll_pin_2019: a fast pin may overlap a fork and keep a page that is being shared (HAZ-FORK-FAST)", "[fork]") {
    family<checked_2019> w;
    const vaddr a = w.written(1, 5);
    hooked::once(mm::race_point::after_walk, [&] { w.fork(); });
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 5);
    w.unpin(1);
    w.audit();
}

}  // namespace

}  // namespace fork_tests
