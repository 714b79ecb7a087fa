// SPDX-License-Identifier: BSL-1.0
// Moving pages: every unit of every count follows, and whoever holds one keeps the page where it is (spec 07 B6).
#include <mutex>
#include <thread>

#include "box.hpp"

namespace migrate_tests {

using namespace mmt;

namespace {

mm::options two_nodes() {
    mm::options o = small(32_MiB);
    o.cma = 4_MiB;
    o.more_nodes.push_back({.ram = 0, .movable = 32_MiB});
    o.huge_pools = {{.order = mm::pmd_order, .pages = 2}};
    return o;
}
constexpr mm::request to_movable{.node = 1, .exact = true};

template <class P>
int move(world<P>& w, vaddr a, const mm::request& where = to_movable) {
    return mm::migrate_page(w.t.mm(), a, where).error;
}
template <class P>
std::vector<int> move_pages(world<P>& w, vaddr a, unsigned n, unsigned node, long expected = 0) {
    std::vector<vaddr> at;
    for (unsigned k = 0; k < n; ++k) at.push_back(a + k * 4096);
    std::vector<int> status;
    CHECK(mm::move_pages(w.t.mm(), at, node, status) == expected);
    return status;
}

}  // namespace

BOTH_PROFILES("an anonymous page moves with contents, letters and marks, for all who share it", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(2 * 4096);
    REQUIRE(w.t.store(a + 5, 55) == mm::fault_result::ok);
    auto* before = w.page_at(a);
    CHECK(move(w, a) == 0);
    CHECK(w.page_at(a) != before);
    CHECK(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == pick<TestType, std::string>("DB", "XDB"));
    CHECK(w.refs(a) == 1);
    CHECK(w.t.load(a + 5).value == 55);
    CHECK(move(w, a + 4096) == -err::enoent);
    w.audit();

    auto& child = **w.box.fork(w.t);
    CHECK(move(w, a, {.movable = false}) == 0);
    CHECK(w.refs(a) == 2);
    CHECK(child.inspect(a).page.page == w.page_at(a));
    CHECK(child.load(a + 5).value == 55);
    CHECK(w.letters(a) == "DY");
    w.audit();
    REQUIRE(child.store(a + 5, 1) == mm::fault_result::ok);
    CHECK(w.t.load(a + 5).value == 55);
    w.audit();
}

BOTH_PROFILES("a reference or a pin keeps the page; the attempt leaves it dirty, and nothing else", "[migrate]") {
    for (const bool pinned : {false, true}) {
        world<TestType> w(two_nodes());
        const vaddr a = w.map(4096);
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        auto* page = w.page_at(a);
        REQUIRE((pinned ? w.pin(a, 1, foll::write) : w.get(a, 1, foll::write)) == 1);
        const std::int64_t refs = w.refs(a);
        CHECK(move(w, a) == -err::eagain);
        CHECK(w.page_at(a) == page);
        CHECK(w.refs(a) == refs);
        CHECK(w.letters(a) == "WDY");
        CHECK(w.flags(a) == pick<TestType, std::string>("DB", "XDB"));
        w.audit();
        if (pinned) w.unpin(1);
        else w.put(1);
        CHECK(move(w, a) == 0);
        w.audit();
    }
}

TEST_CASE("6.12: a pinned huge pmd is refused before its dirtiness is saved; one that is held, after", "[migrate]") {
    for (const bool pinned : {false, true}) {
        world<checked_6_12> w(two_nodes());
        const vaddr a = w.huge();
        REQUIRE((pinned ? w.pin(a + 5 * 4096, 1, foll::write) : w.get(a + 5 * 4096, 1, foll::write)) == 1);
        CHECK(move(w, a + 7 * 4096) == -err::eagain);
        CHECK(w.t.inspect(a).at == mm::level::pmd);
        CHECK(w.flags(a) == (pinned ? "XB" : "XDB"));
        w.audit();
        if (pinned) w.unpin(1);
        else w.put(1);
    }
}

BOTH_PROFILES("a huge page moves whole, by its pmd or by its ptes; partly mapped, it goes in pieces", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.huge();
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.t.store(a + k * 4096 + 1, static_cast<unsigned char>(k % 251 + 1)) == mm::fault_result::ok);
    CHECK(move(w, a + 99 * 4096) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    CHECK(w.t.inspect(a).page.order == 9);
    w.audit();
    w.split_entry(a);
    CHECK(move(w, a, {.movable = false}) == 0);
    CHECK(w.t.inspect(a).page.order == 9);
    CHECK(w.refs(a) == 512);
    CHECK(w.flags(a + 511 * 4096) == pick<TestType, std::string>("DB", "XDB"));
    w.audit();
    REQUIRE(w.t.madvise(a + 4096, 4096, mm::advice::dontneed) == 0);
    CHECK(move(w, a) == 0);
    CHECK(w.t.inspect(a).page.order == 0);
    CHECK(w.t.inspect(a + 2 * 4096).page.zone == mm::zone_kind::movable);
    for (const unsigned k : {0U, 2U, 511U}) CHECK(w.t.load(a + k * 4096 + 1).value == k % 251 + 1);
    w.audit();
}

BOTH_PROFILES("pages of files move with their cache, their buffers and all who map them", "[migrate]") {
    world<TestType> w(two_nodes());
    auto& f = w.box.create_file(mm::file_kind::ext4, 4 * 4096, mm::fill::pattern);
    const vaddr a = w.map(4 * 4096, {.shared = true, .source = &f});
    const vaddr b = w.map(4 * 4096, {.source = &f});
    REQUIRE(w.t.store(a, 9) == mm::fault_result::ok);
    REQUIRE(w.t.load(b).value == 9);
    CHECK(w.refs(a) == 4);  // cache, two entries, buffers
    CHECK(move(w, b) == 0);
    CHECK(w.page_at(a) == w.page_at(b));
    CHECK(w.refs(a) == 4);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.t.load(b).value == 9);
    w.audit();
    REQUIRE(w.pin(b, 1) == 1);
    CHECK(move(w, a) == -err::eagain);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("KSM pages move and are found again by those who merge later", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(3 * 4096);
    for (unsigned k = 0; k < 2; ++k) REQUIRE(w.t.store(a + k * 4096, 7) == mm::fault_result::ok);
    REQUIRE(w.t.madvise(a, 3 * 4096, mm::advice::mergeable) == 0);
    w.box.ksm().run(4);
    REQUIRE(w.page_at(a) == w.page_at(a + 4096));
    CHECK(move(w, a) == 0);
    CHECK(w.page_at(a) == w.page_at(a + 4096));
    CHECK(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    REQUIRE(w.t.store(a + 2 * 4096, 7) == mm::fault_result::ok);
    w.box.ksm().run(4);
    CHECK(w.page_at(a + 2 * 4096) == w.page_at(a));
    CHECK(w.refs(a) == 3);
    w.audit();
}

BOTH_PROFILES("a page in the swap cache takes its slots along", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 3) == mm::fault_result::ok);
    auto& child = **w.box.fork(w.t);
    REQUIRE(child.munmap(a, 4096) == 0);
    REQUIRE(w.get(a, 1) == 1);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::pageout) == 0);
    REQUIRE(w.t.load(a).value == 3);  // the same page, from the cache, which the reference keeps it in
    REQUIRE(w.flags(a).find('C') != std::string::npos);
    w.put(1);
    const std::int64_t refs = w.refs(a);
    CHECK(move(w, a) == 0);
    CHECK(w.refs(a) == refs);
    CHECK(w.flags(a).find('C') != std::string::npos);
    CHECK(w.t.load(a).value == 3);
    w.audit();
}

BOTH_PROFILES("move_pages says of each page where it is, or why it is not moved", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(6 * 4096);
    for (const unsigned k : {0U, 1U, 3U}) REQUIRE(w.t.store(a + k * 4096, 1) == mm::fault_result::ok);
    REQUIRE(w.t.load(a + 4 * 4096).fault == mm::fault_result::ok);
    CHECK(move_pages(w, a, 7, 1) == std::vector<int>{1, 1, -err::enoent, 1, -err::efault, -err::enoent, -err::efault});
    CHECK(move_pages(w, a, 2, 1) == std::vector<int>{1, 1});
    REQUIRE(w.pin(a + 4096, 1, foll::write) == 1);
    const int unset = mm::status_unset;
    CHECK(move_pages(w, a, 6, 0, 1 + 3) == std::vector<int>{unset, unset, -err::enoent, unset, unset, unset});
    CHECK(w.t.inspect(a).page.node == 0);  // it did move (NR-8)
    CHECK(w.t.inspect(a + 4096).page.node == 1);
    CHECK(move_pages(w, a, 1, 9, -err::enodev) == std::vector<int>{unset});
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("huge pages of a pool change places with others, and the pool stays as large as it is", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(2_MiB, {.huge_order = mm::pmd_order});
    REQUIRE(w.t.store(a + 8, 4) == mm::fault_result::ok);
    auto& pool = *w.box.phys().hugetlb.of(mm::pmd_order);
    CHECK(move_pages(w, a, 2, 1) == std::vector<int>{1, -err::ebusy});  // its tail is isolated with it
    CHECK(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    CHECK(w.t.load(a + 8).value == 4);
    CHECK(pool.state().pages == 2);
    CHECK(pool.state().free == 1);
    w.audit();
    REQUIRE(w.get(a, 1) == 1);
    CHECK(move_pages(w, a, 1, 0, 1) == std::vector<int>{mm::status_unset});
    w.put(1);
    CHECK(move_pages(w, a, 1, 0) == std::vector<int>{0});
    CHECK(w.t.load(a + 8).value == 4);
    CHECK(pool.state().pages == 2);
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(pool.state().free == 2);
    CHECK(pool.state().pages == 2);
    w.audit();
}

TEST_CASE("6.12: a huge page that stands in movable memory leaves it for a long-term pin", "[migrate]") {
    world<checked_6_12> w(two_nodes());
    const vaddr a = w.map(2_MiB, {.huge_order = mm::pmd_order});
    REQUIRE(w.t.store(a, 4) == mm::fault_result::ok);
    REQUIRE(move_pages(w, a, 1, 1) == std::vector<int>{1});
    CHECK(w.pin(a, 3, foll::write | foll::longterm) == 3);
    CHECK(w.t.inspect(a).page.zone != mm::zone_kind::movable);
    CHECK(w.box.counters() == mm::pin_counters{6, 3});
    w.audit();
    w.unpin(3);
    w.audit();
}

TEST_CASE("2019: long-term pins leave CMA memory, not movable memory, and what cannot move stays pinned", "[migrate]") {
    world<checked_2019> w(two_nodes());
    const vaddr a = w.map(3 * 4096);
    for (unsigned k = 0; k < 3; ++k) REQUIRE(w.t.store(a + k * 4096, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
    REQUIRE(move(w, a) == 0);
    REQUIRE(move(w, a + 4096, {.cma = true}) == 0);
    REQUIRE(w.t.inspect(a + 4096).page.cma);
    const auto then = w.box.counters();
    w.pages.assign(3, nullptr);
    CHECK(w.t.pin_longterm_pages(a, 3, foll::write, w.pages) == 3);
    CHECK((w.box.counters() - then) == mm::pin_counters{6, 3});  // all of the result once more
    CHECK(w.t.inspect(a).page.zone == mm::zone_kind::movable);
    CHECK_FALSE(w.t.inspect(a + 4096).page.cma);
    CHECK(w.t.load(a + 4096).value == 2);
    w.audit();
    w.unpin(3);

    REQUIRE(move(w, a + 2 * 4096, {.cma = true}) == 0);
    REQUIRE(w.get(a + 2 * 4096, 1) == 1);
    const auto held = w.pages;
    w.pages.assign(1, nullptr);
    const auto before = w.box.counters();
    CHECK(w.t.pin_longterm_pages(a + 2 * 4096, 1, foll::write, w.pages) == 1);  // tried once, then taken as it is
    CHECK((w.box.counters() - before) == mm::pin_counters{2, 1});
    CHECK(w.t.inspect(a + 2 * 4096).page.cma);
    w.audit();
    w.unpin(1);
    w.t.put_page(held[0]);
    w.audit();
}

BOTH_PROFILES("new pages of a long-term pin never come from CMA memory", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(3 * 4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);  // the tables are there
    std::vector<frame<TestType>*> rest;
    while (auto* f = w.box.phys().alloc({.movable = false, .node = 0, .exact = true})) rest.push_back(f);
    w.pages.assign(1, nullptr);
    const long got = w.t.pin_user_pages(a + 4096, 1, foll::write | foll::longterm, w.pages);
    CHECK(got == pick<TestType, long>(1, -err::enomem));  // 2019 goes to movable memory of the other node
    CHECK_FALSE(w.t.inspect(a + 4096).page.cma);
    if (got == 1) w.unpin(1);
    REQUIRE(w.t.store(a + 2 * 4096, 1) == mm::fault_result::ok);
    CHECK(w.t.inspect(a + 2 * 4096).page.cma);  // others do take it
    w.audit();
    for (auto* f : rest) w.box.phys().drop(f, mm::holder::hand_out);
}

BOTH_PROFILES("mbind says where new pages come from; shared memory remembers it for everybody", "[migrate]") {
    world<TestType> w(two_nodes());
    const vaddr a = w.map(4 * 4096);
    CHECK(w.t.mbind(a + 4096, 4096, 1) == 0);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(a + 4096, 1) == mm::fault_result::ok);
    CHECK(w.t.inspect(a).page.node == 0);
    CHECK(w.t.inspect(a + 4096).page.node == 1);
    CHECK(w.t.mbind(a, 5 * 4096, 1) == -err::efault);
    CHECK(w.t.mbind(a + 1, 4096, 1) == -err::einval);
    CHECK(w.t.mbind(a, 4096, 2) == -err::einval);
    CHECK(w.t.mbind(a, 0, 1) == 0);
    auto& f = w.box.create_file(mm::file_kind::memfd, 4 * 4096);
    const vaddr b = w.map(4 * 4096, {.shared = true, .source = &f});
    const vaddr c = w.map(4 * 4096, {.shared = true, .source = &f});
    CHECK(w.t.mbind(b, 2 * 4096, 1) == 0);
    REQUIRE(w.t.store(c + 4096, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(c + 2 * 4096, 1) == mm::fault_result::ok);
    CHECK(w.t.inspect(c + 4096).page.node == 1);
    CHECK(w.t.inspect(c + 2 * 4096).page.node == 0);
    w.audit();
}

BOTH_PROFILES("mbind binds huge pages of a pool strictly: what it keeps on other nodes does not help", "[migrate]") {
    world<TestType> w(two_nodes());
    auto& pool = *w.box.phys().hugetlb.of(mm::pmd_order);
    const bool shared = GENERATE(false, true);
    const vaddr a = w.map(2_MiB, {.shared = shared, .huge_order = mm::pmd_order});
    REQUIRE(w.t.mbind(a, 2_MiB, 1) == 0);
    CHECK(w.t.store(a, 1) == mm::fault_result::sigbus);  // both pages of the pool are on node 0
    CHECK(w.pin(a, 1, foll::write) == -err::efault);
    CHECK(pool.state().free == 2);
    CHECK(pool.state().reserved == 1);  // the promise waits for a page that it can use
    const vaddr b = w.map(2_MiB, {.huge_order = mm::pmd_order});
    REQUIRE(w.t.store(b, 1) == mm::fault_result::ok);
    REQUIRE(move_pages(w, b, 1, 1) == std::vector<int>{1});
    auto* const there = w.page_at(b);
    REQUIRE(w.t.munmap(b, 2_MiB) == 0);  // from now on the pool has a page on node 1
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    CHECK(w.page_at(a) == there);
    CHECK(pool.state().reserved == 0);
    w.audit();
    const vaddr c = w.map(2_MiB, {.huge_order = mm::pmd_order, .noreserve = true});
    REQUIRE(w.t.mbind(c, 2_MiB, 0) == 0);
    REQUIRE(pool.set_overcommit(1));
    REQUIRE(w.t.store(c, 1) == mm::fault_result::ok);
    CHECK(w.t.inspect(c).page.node == 0);
    const vaddr d = w.map(2_MiB, {.huge_order = mm::pmd_order, .noreserve = true});
    REQUIRE(w.t.mbind(d, 2_MiB, 1) == 0);
    CHECK(w.t.store(d, 1) == mm::fault_result::sigbus);  // node 1 has no memory that a pool could be made of
    REQUIRE(w.t.mbind(d, 2_MiB, 0) == 0);
    REQUIRE(w.t.store(d, 1) == mm::fault_result::ok);
    CHECK(pool.state().surplus == 1);
    w.audit();
}

BOTH_PROFILES("where there is no room nothing moves; where there is none for a huge page, its pieces do", "[migrate]") {
    world<TestType> w(two_nodes());
    auto& phys = w.box.phys();
    std::vector<frame<TestType>*> all;
    while (auto* f = phys.alloc({.node = 1, .exact = true})) all.push_back(f);
    const vaddr a = w.map(4096), b = w.huge();
    REQUIRE(w.t.store(a, 5) == mm::fault_result::ok);
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.t.store(b + k * 4096, static_cast<unsigned char>(k % 100 + 1)) == mm::fault_result::ok);
    phys.lru_drain_all();
    const auto isolated = [&](vaddr at) {
        auto* const head = phys.head(w.page_at(at));
        REQUIRE(mm::isolate(phys, head));
        return std::vector<frame<TestType>*>{head};
    };
    auto list = isolated(a);
    const mm::migrated none = mm::migrate_pages(phys, list, to_movable);
    CHECK(none.failed == 1);
    CHECK(none.error == -err::enomem);
    REQUIRE(list.size() == 1);
    mm::put_back(phys, list[0]);
    CHECK(w.t.inspect(a).page.node == 0);
    for (unsigned k = 0; k < 100; ++k) {  // room for a hundred, not in a row
        phys.drop(all[all.size() - 1 - 2 * k], mm::holder::hand_out);
        all[all.size() - 1 - 2 * k] = nullptr;
    }
    list = isolated(b);
    const mm::migrated some = mm::migrate_pages(phys, list, to_movable);
    CHECK(some.failed == 1);  // one folio, though it went in pieces
    CHECK(some.error == -err::enomem);
    CHECK(list.size() == 412);
    for (auto* p : list) mm::put_back(phys, p);
    unsigned there = 0;
    for (unsigned k = 0; k < 512; ++k) {
        there += w.t.inspect(b + k * 4096).page.node == 1;
        CHECK(w.t.load(b + k * 4096).value == static_cast<int>(k % 100 + 1));
    }
    CHECK(there == 100);
    w.audit();
    for (auto* f : all)
        if (f) phys.drop(f, mm::holder::hand_out);
}

BOTH_PROFILES("secret memory stays where it is", "[migrate]") {
    world<TestType> w(two_nodes());
    auto& f = w.box.create_file(mm::file_kind::secret, 4096);
    const vaddr a = w.map(4096, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 5) == mm::fault_result::ok);
    auto* const page = w.page_at(a);
    w.box.phys().lru_drain_all();
    REQUIRE(mm::isolate(w.box.phys(), page));
    std::vector<frame<TestType>*> list{page};
    CHECK(mm::migrate_pages(w.box.phys(), list, to_movable).failed == 1);
    REQUIRE(list == std::vector<frame<TestType>*>{page});
    mm::put_back(w.box.phys(), page);
    CHECK(w.page_at(a) == page);
    CHECK(w.t.load(a).value == 5);
    w.audit();
}

BOTH_PROFILES("a huge page on its way can be unmapped, cut and write-protected; its pieces arrive", "[migrate]") {
    for (const int what : {0, 1, 2}) {
        world<TestType> w(two_nodes());
        const vaddr a = w.huge();
        REQUIRE(w.t.store(a + 300 * 4096, 30) == mm::fault_result::ok);
        auto& phys = w.box.phys();
        auto* head = phys.head(w.page_at(a));
        phys.hold(head, mm::holder::temporary);
        REQUIRE(mm::isolate(phys, head));
        phys.drop(head, mm::holder::temporary);
        mm::lock_page(head);
        REQUIRE(mm::detail::unmap_for_migration(phys, head));
        CHECK(w.t.inspect(a).map == mm::entry_kind::migration);
        if (what == 0) REQUIRE(w.t.munmap(a, 2_MiB) == 0);
        if (what == 1) REQUIRE(w.t.munmap(a, 1_MiB) == 0);
        if (what == 2) REQUIRE(w.t.mprotect(a + 1_MiB, 1_MiB, mm::prot::read) == 0);
        mm::detail::restore_entries(phys, head, head, head);
        mm::unlock_page(head);
        mm::put_back(phys, head);
        w.audit();
        if (what == 0) continue;
        CHECK(w.t.load(a + 300 * 4096).value == 30);
        CHECK(w.letters(a + 300 * 4096) == (what == 1 ? "WDY" : "DY"));
        CHECK(w.t.inspect(a).map == (what == 1 ? mm::entry_kind::none : mm::entry_kind::leaf));
        if (what == 2) CHECK(w.letters(a) == "WDY");
        w.audit();
    }
}

BOTH_PROFILES("a page of a file that is mapped again before it could move stays where it is", "[migrate]") {
    world<TestType> w(two_nodes());
    const auto kind = GENERATE(mm::file_kind::ext4, mm::file_kind::memfd, mm::file_kind::hugetlb_2m);
    const std::uint64_t size = kind == mm::file_kind::hugetlb_2m ? 2_MiB : 4096;
    auto& f = w.box.create_file(kind, size, mm::fill::pattern);
    const vaddr a = w.map(size, {.shared = true, .source = &f});
    auto& other = w.box.spawn();
    const vaddr b = *other.mmap(size, {.shared = true, .source = &f});
    REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
    auto* const before = w.page_at(a);
    bool mapped = false;
    hooked::once(mm::race_point::unmapped, [&] { mapped = other.touch(b, false) == mm::fault_result::ok; });
    auto& phys = w.box.phys();
    phys.lru_drain_all();
    REQUIRE(mm::isolate(phys, phys.head(before)));
    CHECK(mm::migrate_folio(phys, phys.head(before), {}) == -err::eagain);
    CHECK(mapped);
    CHECK(w.page_at(a) == before);
    CHECK(other.inspect(b).page.page == before);
    REQUIRE(other.store(b + 3, 33) == mm::fault_result::ok);
    CHECK(w.t.load(a + 3).value == 33);
    w.audit();
    CHECK(w.box.truncate(f, 0) == 0);
    CHECK(other.inspect(b).map == mm::entry_kind::none);
    w.audit();
}

BOTH_PROFILES("a hole punched beside a move waits until the entries are back, and takes them", "[migrate]") {
    world<TestType> w(two_nodes());
    auto& f = w.box.create_file(GENERATE(mm::file_kind::ext4, mm::file_kind::memfd), 2 * 4096, mm::fill::pattern);
    const vaddr a = w.map(2 * 4096, {.shared = true, .source = &f});
    REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
    REQUIRE(w.t.touch(a + 4096, false) == mm::fault_result::ok);
    bool is_locked = false;
    std::thread puncher;
    hooked::once(mm::race_point::moved, [&] {
        const std::unique_lock<std::mutex> cache(f.lock);
        is_locked = w.box.phys().at(f.find(0)->second.first)->is(mm::pg::locked);
        puncher = std::thread([&] { (void)w.box.fallocate(f, mm::file_change::punch, 0, 4096); });
    });
    CHECK(move(w, a) == 0);
    puncher.join();
    CHECK(is_locked);  // what the file has from now on cannot leave it yet
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.t.load(a + 4096).value == 2);
    w.audit();
}

}  // namespace migrate_tests
