// SPDX-License-Identifier: BSL-1.0
// Reclaim and swap: what goes, what is kept and why, and what comes back. Source: spec 07 §8, spec 10 §10 §11.
#include "sharing_box.hpp"

namespace swap_tests {

namespace {

using namespace mmt;
using mm::entry_kind;

BOTH_PROFILES("an unused page goes to swap and comes back as a new page with its contents", "[swap]") {
    family<TestType> w;
    const bool write = GENERATE(false, true);
    const vaddr a = w.written(1, 5);
    const auto free = w.box.free_pages();
    CHECK(w.page_out(a) == 0);
    CHECK(w.swapped_exclusive(a) == !is_2019<TestType>);
    CHECK(w.box.free_pages() == free + 1);
    CHECK(w.t.mm().swap_entries.load() == 1);
    w.audit();
    if (write) w.put_byte(w.t, a + 1, 6);
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.letters(a) == (write ? "WDY" : pick<TestType>("Y", "WY")));
    CHECK(w.flags(a) == marks<TestType>("XB"));
    CHECK(w.refs(a) == 1);
    CHECK(w.box.phys().swap.used() == 0);
    CHECK(w.t.mm().swap_entries.load() == 0);
    w.audit();
}

TEST_CASE("6.12: a write to swapped memory that somebody holds copies at once", "[swap]") {
    family<checked_6_12> w;
    const vaddr a = w.written(1, 5);
    auto& c = w.fork();
    REQUIRE(w.get(a, 1) == 1);
    REQUIRE(w.page_out(a) == 0);
    REQUIRE(c.madvise(a, one, mm::advice::pageout) == 0);
    if (w.map_of(a) != mm::entry_kind::swap) {  // shared pages are not paged out by their sharers: make it so
        auto& phys = w.box.phys();
        phys.lru_drain_all();
        REQUIRE(mm::isolate(phys, w.page_at(a)));
        (void)mm::reclaim_folio(phys, w.page_at(a));
    }
    REQUIRE(w.map_of(a) == mm::entry_kind::swap);
    w.put_byte(w.t, a, 6);
    CHECK(w.page_at(a) != w.pages[0]);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.byte(c, a) == 5);
    CHECK(c.inspect(a).page.page == w.pages[0]);
    w.put(1);
    w.audit();
}

TEST_CASE("linux_6_12: reclaim does not touch a pinned page", "[swap]") {
    family<checked_6_12> w;
    const unsigned flags = GENERATE(0U, foll::write, foll::longterm);
    const vaddr a = w.written(1, 5);
    REQUIRE(w.pin(a, 1, flags) == 1);
    CHECK(w.page_out(a) == 0);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "XB");
    w.unpin(1);
    w.audit();
}

TEST_CASE("foll_pin_2019: a pinned page loses its entry and stays in the swap cache", "[swap]") {
    family<checked_2019> w;
    const vaddr a = w.written(1, 5);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.page_out(a) == 0);
    CHECK(w.map_of(a) == entry_kind::swap);
    w.box.dma_write(w.pages[0], 0, 9);
    CHECK(w.byte(w.t, a) == 9);
    CHECK(w.page_at(a) == w.pages[0]);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("a page somebody only got is unmapped all the same, and the next access maps it again", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    REQUIRE(w.get(a, 1) == 1);
    CHECK(w.page_out(a) == 0);
    CHECK(w.swapped_exclusive(a) == !is_2019<TestType>);
    w.audit();
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.page_at(a) == w.pages[0]);
    CHECK(w.refs(a) == 3);  // entry, swap cache, GET
    CHECK(w.flags(a).find('C') != std::string::npos);
    w.put(1);
    w.audit();
    REQUIRE(w.t.munmap(a, 4096) == 0);
    CHECK(w.box.phys().swap.used() == 0);
    w.audit();
}

BOTH_PROFILES("the last user of a swapped page goes while somebody has its lock: it leaves the swap cache when that ends", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    REQUIRE(w.get(a, 1) == 1);
    REQUIRE(w.page_out(a) == 0);
    const bool mapped = GENERATE(false, true);
    if (mapped) REQUIRE(w.byte(w.t, a) == 5);
    REQUIRE(mm::state_of(w.box.phys(), w.pages[0]).flags.find('C') != std::string::npos);
    mm::lock_page(w.pages[0]);
    REQUIRE(w.t.munmap(a, one) == 0);
    CHECK(w.box.phys().swap.used() == 1);
    mm::unlock_page(w.pages[0]);
    CHECK(w.box.phys().swap.used() == 0);
    w.put(1);
    w.audit();
    CHECK(w.pages[0]->count.refs() == 0);
}

BOTH_PROFILES("reclaim of a page that nobody maps any more and somebody holds leaves nothing in swap", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    REQUIRE(w.get(a, 1) == 1);
    auto& phys = w.box.phys();
    phys.lru_drain_all();
    REQUIRE(mm::isolate(phys, w.pages[0]));
    REQUIRE(w.t.munmap(a, one) == 0);
    CHECK_FALSE(mm::reclaim_folio(phys, w.pages[0]));
    CHECK(phys.swap.used() == 0);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("a page in the swap cache whose last entry goes while it moves is left at neither place", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    const bool moves = GENERATE(true, false);
    REQUIRE(w.get(a, 1) == 1);
    REQUIRE(w.page_out(a) == 0);
    REQUIRE(w.byte(w.t, a) == 5);
    REQUIRE(w.flags(a).find('C') != std::string::npos);
    auto* const page = w.pages[0];
    if (moves) w.put(1);
    auto& phys = w.box.phys();
    phys.lru_drain_all();
    REQUIRE(mm::isolate(phys, page));
    hooked::once(mm::race_point::unmapped, [&] { REQUIRE(w.t.munmap(a, one) == 0); });
    CHECK(mm::migrate_folio(phys, page, {}) == (moves ? 0 : -err::eagain));
    CHECK(phys.swap.used() == 0);
    if (!moves) w.put(1);
    w.audit();
}

BOTH_PROFILES("a slot that is read ahead while its only entry is served leaves no page in the swap cache", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    const auto free = w.box.free_pages();
    REQUIRE(w.page_out(a) == 0);
    hooked::once(mm::race_point::slots_alone, [&] { REQUIRE(w.t.madvise(a, one, mm::advice::willneed) == 0); });
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.box.phys().swap.used() == 0);
    w.audit();
    CHECK(w.box.free_pages() == free);
}

BOTH_PROFILES("a slot that two processes use is read once, into the swap cache, and shared read-only", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    CHECK(w.page_out(a) == 0);
    auto& c = w.fork();
    CHECK_FALSE(w.swapped_exclusive(a));
    CHECK(c.mm().swap_entries.load() == 1);
    CHECK(w.byte(c, a) == 5);
    const auto o = c.inspect(a);
    CHECK(o.letters == "Y");
    CHECK(o.page.flags == "CB");
    CHECK(o.page.refs == 2);
    CHECK(w.map_of(a) == entry_kind::swap);
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.page_at(a) == o.page.page);
    CHECK(w.refs(a) == 3);
    w.audit();
    w.put_byte(w.t, a, 6);  // copies
    CHECK(w.byte(c, a) == 5);
    w.put_byte(c, a, 7);  // takes it over: out of the swap cache
    CHECK(c.inspect(a).page.page == o.page.page);
    CHECK(c.inspect(a).page.flags == marks<TestType>("XDB"));
    CHECK(c.inspect(a).page.refs == 1);
    CHECK(w.box.phys().swap.used() == 0);
    w.audit();
}

TEST_CASE("linux_6_12: the last user of a slot writes and takes the cached page over", "[swap]") {
    family<checked_6_12> w;
    const vaddr a = w.written(1, 5);
    CHECK(w.page_out(a) == 0);
    auto& c = w.fork();
    CHECK(w.byte(c, a) == 5);
    auto* const cached = c.inspect(a).page.page;
    w.box.exit(c);
    CHECK(w.map_of(a) == entry_kind::swap);
    w.put_byte(w.t, a, 6);
    CHECK(w.page_at(a) == cached);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "XDB");
    CHECK(w.refs(a) == 1);
    w.audit();
}

TEST_CASE("linux_6_12: a read pin of a swapped page shared with a child gets a copy of its own", "[swap]") {
    family<checked_6_12> w;
    const vaddr a = w.written(1, 5);
    CHECK(w.page_out(a) == 0);
    auto& c = w.fork();
    REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.letters(a) == "Y");
    CHECK(w.refs(a) == 1025);
    CHECK(c.inspect(a).map == entry_kind::swap);
    w.put_byte(w.t, a, 7);
    CHECK(w.seen_by_device() == 7);
    CHECK(w.byte(c, a) == 5);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("what others map too, the zero page and locked memory are not paged out", "[swap]") {
    family<TestType> w;
    const vaddr shared = w.written(1), zero = w.map(4096), locked = w.written(1);
    CHECK(w.byte(w.t, zero) == 0);
    REQUIRE(w.t.mlock(locked, 4096) == 0);
    w.fork();
    CHECK(w.page_out(shared) == 0);
    CHECK(w.page_out(zero) == 0);
    CHECK(w.page_out(locked) == -err::einval);
    CHECK(w.map_of(shared) == entry_kind::leaf);
    CHECK(w.map_of(zero) == entry_kind::leaf);
    CHECK(w.map_of(locked) == entry_kind::leaf);
    CHECK(w.t.madvise(shared - mm::page_size * 1024, 4096 * 1025, mm::advice::cold) == -err::enomem);  // a hole before it
    w.audit();
}

BOTH_PROFILES("a whole huge page goes to swap in one piece and comes back as base pages", "[swap]") {
    family<TestType> w;
    const vaddr a = w.huge();
    const vaddr last = a + 511 * mm::page_size;
    w.put_byte(w.t, last, 9);
    CHECK(w.page_out(a, 512) == 0);
    CHECK(w.map_of(a) == entry_kind::swap);
    CHECK(w.map_of(last) == entry_kind::swap);
    CHECK(w.t.mm().swap_entries.load() == 512);
    w.audit();
    CHECK(w.byte(w.t, last) == 9);
    CHECK(w.t.inspect(last).page.order == 0);
    CHECK(w.byte(w.t, a) == 1);
    w.audit();
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(w.box.phys().swap.used() == 0);
    w.audit();
}

BOTH_PROFILES("a huge page somebody holds: not touched, for it could not be split", "[swap]") {
    family<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.get(a + 7 * mm::page_size, 1) == 1);
    CHECK(w.page_out(a, 512) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.refs(a) == 2);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("a page in the swap cache can be moved, and every user of its slot finds it again", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1, 5);
    CHECK(w.page_out(a) == 0);
    auto& c = w.fork();
    CHECK(w.byte(c, a) == 5);
    auto* const old = c.inspect(a).page.page;
    REQUIRE(mm::isolate(w.box.phys(), old));
    REQUIRE(mm::migrate_folio(w.box.phys(), old, {}) == 0);
    auto* const now = c.inspect(a).page.page;
    CHECK(now != old);
    CHECK(c.inspect(a).page.refs == 2);
    w.audit();
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.page_at(a) == now);
    w.audit();
}

BOTH_PROFILES("a full swap area keeps the page where it is", "[swap]") {
    auto o = small();
    o.swap = 2 * mm::page_size;
    family<TestType> w(o);
    const vaddr a = w.written(4, 5);
    CHECK(w.page_out(a, 4) == 0);
    CHECK(w.t.mm().swap_entries.load() == 2);
    CHECK(w.map_of(a + 2 * mm::page_size) == entry_kind::leaf);
    CHECK(w.byte(w.t, a) == 5);
    w.audit();
}

BOTH_PROFILES("MADV_COLD takes only the young bit away", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::cold) == 0);
    CHECK(w.letters(a) == "WD");
    auto& c = w.fork();
    CHECK(w.byte(c, a) == 1);
    REQUIRE(c.madvise(a, 4096, mm::advice::cold) == 0);  // mapped twice
    CHECK(c.inspect(a).letters == "DY");
    w.audit();
}

BOTH_PROFILES("MADV_FREE: clean memory is discarded, written and referenced memory stays", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(3, 5);
    const vaddr written = a + mm::page_size, got = a + 2 * mm::page_size;
    REQUIRE(w.t.madvise(a, 3 * mm::page_size, mm::advice::free) == 0);
    CHECK(w.letters(a) == "W");
    CHECK(w.flags(a) == marks<TestType>("X"));
    w.put_byte(w.t, written, 6);
    CHECK(w.letters(written) == "WDY");
    REQUIRE(w.get(got, 1) == 1);
    CHECK(w.page_out(a, 3) == 0);
    CHECK(w.map_of(a) == entry_kind::none);
    CHECK(w.letters(written) == "WDY");
    CHECK(w.flags(written) == marks<TestType>("XDB"));
    CHECK(w.letters(got) == "W");
    CHECK(w.flags(got) == marks<TestType>("XB"));
    CHECK(w.byte(w.t, a) == 0);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("MADV_FREE gives swap entries up, and is for anonymous memory", "[swap]") {
    family<TestType> w;
    const vaddr a = w.written(1);
    CHECK(w.page_out(a) == 0);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::free) == 0);
    CHECK(w.map_of(a) == entry_kind::none);
    CHECK(w.box.phys().swap.used() == 0);
    auto& f = w.box.create_file(mm::file_kind::memfd, 4096, mm::fill::pattern);
    const vaddr b = w.map(4096, {.shared = true, .source = &f});
    CHECK(w.t.madvise(b, 4096, mm::advice::free) == -err::einval);
    w.audit();
}

BOTH_PROFILES("pages of files: clean ones are dropped, shmem goes to swap, dirty ones of a filesystem wait", "[swap]") {
    family<TestType> w;
    auto& disk = w.box.create_file(mm::file_kind::ext4, 4096, mm::fill::pattern);
    auto& memory = w.box.create_file(mm::file_kind::memfd, 4096, mm::fill::pattern);
    const vaddr a = w.map(4096, {.shared = true, .source = &disk}), b = w.map(4096, {.shared = true, .source = &memory});
    CHECK(w.byte(w.t, a) == 1);
    CHECK(w.page_out(a) == 0);
    CHECK(disk.cache.empty());
    w.put_byte(w.t, a, 8);
    CHECK(w.page_out(a) == 0);
    CHECK(w.map_of(a) == entry_kind::none);
    CHECK(disk.cache.size() == 1);
    CHECK(w.byte(w.t, a) == 8);
    w.put_byte(w.t, b, 9);
    CHECK(w.page_out(b) == 0);
    CHECK(memory.cache.empty());
    CHECK(w.byte(w.t, b) == 9);
    CHECK(w.flags(b) == "DB");
    w.audit();
}

}  // namespace

}  // namespace swap_tests
