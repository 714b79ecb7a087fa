// SPDX-License-Identifier: BSL-1.0
// Writes and pins on what is shared or read-only: reuse, copy, unshare, forced writes (spec 07 §5, spec 10 §8).
#include "box.hpp"

namespace cow_tests {

using namespace mmt;
using mm::fault_result;

namespace {

/// Makes the page at `a` look as after a fork whose child is gone: read-only and not known to be exclusive.
template <class P>
void shared_once(world<P>& w, vaddr a, std::uint64_t len) {
    mm::each_leaf(w.t.mm(), a, a + len, [&](const auto& at, vaddr, std::uint64_t) {
        const mm::entry e = at.slot->read();
        at.slot->set(e.without(mm::eb::writable));
        w.box.phys().at(e.number())->clear(mm::pg::exclusive);
    });
}

}  // namespace

BOTH_PROFILES("a read-only page nobody else has is reused by a write", "[cow]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    auto* page = w.page_at(a);
    shared_once(w, a, 4096);
    CHECK(w.letters(a) == "DY");
    CHECK(w.t.store(a, 2) == fault_result::ok);
    CHECK(w.page_at(a) == page);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == pick<TestType, std::string>("B", "XB"));
    w.audit();
}

BOTH_PROFILES("a GET: 2019 reuses by mapcount, 6.12 copies a page that is not exclusive", "[cow]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == fault_result::ok);
    REQUIRE(w.get(a, 1) == 1);
    shared_once(w, a, 4096);
    auto* page = w.page_at(a);
    CHECK(w.t.store(a, 2) == fault_result::ok);
    CHECK((w.page_at(a) == page) == is_2019<TestType>);
    CHECK(w.box.dma_read(w.pages[0], 0) == pick<TestType>(2, 1));
    CHECK(w.letters(a) == "WDY");
    w.put(1);
    w.audit();
}

TEST_CASE("6.12: a read pin of anonymous memory unshares first: reuse alone, copy else", "[cow]") {
    for (const bool fast : {true, false})
        for (const bool held : {false, true}) {
            world<checked_6_12> w;
            const vaddr a = w.map(4096);
            REQUIRE(w.t.store(a, 1) == fault_result::ok);
            auto* page = w.page_at(a);
            if (held) REQUIRE(w.get(a, 1) == 1);
            shared_once(w, a, 4096);
            CHECK((fast ? w.pin(a, 1) : w.pin_slow(a, 1)) == 1);
            CHECK((w.pages[0] == page) == !held);
            CHECK(w.letters(a) == (held ? "Y" : "DY"));
            CHECK(w.flags(a) == "XB");
            CHECK(w.box.counters() == (fast ? mm::pin_counters{2, 1} : mm::pin_counters{1, 0}));
            auto* pinned = w.pages[0];
            // INV-11: the process writes, the pin sees it.
            CHECK(w.t.store(a, 9) == fault_result::ok);
            CHECK(w.box.dma_read(pinned, 0) == 9);
            CHECK(w.page_at(a) == pinned);
            w.audit();
            w.unpin(1);
            if (held) w.t.put_page(page);
            w.audit();
        }
}

TEST_CASE("2019: a read pin of the zero page goes stale with the next write (HAZ-RO-PIN)", "[cow]") {
    world<checked_2019> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.load(a).value == 0);
    REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.t.store(a, 9) == fault_result::ok);
    CHECK(w.box.dma_read(w.pages[0], 0) == 0);
    w.unpin(1);
    w.audit();
}

TEST_CASE("6.12: short read pins take zero and private file pages as they are, long-term ones copy", "[cow]") {
    for (const bool fast : {true, false})
        for (const bool longterm : {false, true})
            for (int kind = 0; kind < 3; ++kind) {
                world<checked_6_12> w;
                auto& f = w.box.create_file(mm::file_kind::memfd, 2_MiB, kind == 1 ? mm::fill::pattern : mm::fill::sparse);
                const vaddr a = kind == 1 ? w.map(4096, {.source = &f})
                                          : w.map(kind == 2 ? 2_MiB : 4096, {.huge = kind == 2});
                REQUIRE(w.t.load(a).fault == fault_result::ok);
                const unsigned flags = longterm ? foll::longterm : 0;
                CHECK((fast ? w.pin(a, 1, flags) : w.pin_slow(a, 1, flags)) == 1);
                CHECK(w.t.inspect(a).page.kind ==
                      (longterm ? mm::page_kind::anon
                       : kind == 0 ? mm::page_kind::zero
                       : kind == 1 ? mm::page_kind::shmem
                                   : mm::page_kind::huge_zero));
                if (longterm) {
                    CHECK(w.letters(a) == "Y");
                    CHECK(w.flags(a) == "XB");
                    if (kind == 2) CHECK(w.letters(a + 4096) == "YS");
                }
                auto* pinned = w.pages[0];
                CHECK(w.t.store(a, 0x44) == fault_result::ok);
                CHECK((w.box.dma_read(pinned, 0) == 0x44) == longterm);
                w.audit();
                w.unpin(1);
                w.audit();
            }
}

BOTH_PROFILES("huge pages: reused alone; else the entry is split and one base page copied", "[cow]") {
    for (const bool held : {false, true}) {
        world<TestType> w;
        const vaddr a = w.huge();
        if (held) REQUIRE(w.get(a, 1) == 1);
        shared_once(w, a, 2_MiB);
        CHECK(w.letters(a) == "DY");
        CHECK(w.t.store(a, 2) == fault_result::ok);
        const bool reused = is_2019<TestType> || !held;
        CHECK((w.t.inspect(a).at == mm::level::pmd) == reused);
        CHECK(w.letters(a) == "WDY");
        if (!reused) {
            CHECK(w.t.inspect(a).page.order == 0);
            CHECK(w.letters(a + 4096) == "DY");
            CHECK(w.refs(a + 4096) == 511 + 1);
        }
        if (held) w.put(1);
        w.audit();
    }
}

TEST_CASE("6.12: a pte of a large folio that is not exclusive is copied even when it is alone", "[cow]") {
    world<checked_6_12> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    REQUIRE(w.t.madvise(a + 4096, 2_MiB - 4096, mm::advice::dontneed) == 0);
    CHECK(w.refs(a) == 1);
    shared_once(w, a, 4096);
    auto* page = w.page_at(a);
    CHECK(w.pin(a, 1) == 1);
    CHECK(w.page_at(a) != page);
    CHECK(w.t.inspect(a).page.order == 0);
    CHECK(w.letters(a) == "Y");
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("forced writes break COW in a private read-only mapping, and nowhere else", "[cow]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4096, mm::fill::pattern);
    const vaddr a = w.map(4096, {.prot = mm::prot::read, .source = &f});
    REQUIRE(w.t.load(a).value == 1);
    CHECK(w.pin_slow(a, 1, foll::write | foll::force) == 1);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::anon);
    CHECK(w.letters(a) == "DY");
    w.box.dma_write(w.pages[0], 0, 0x42);
    CHECK(w.t.load(a).value == 0x42);
    CHECK(w.t.store(a, 1) == fault_result::sigsegv);
    w.unpin(1);
    const vaddr b = w.map(4096, {.prot = mm::prot::read, .at = a + 1_GiB});
    CHECK(w.pin_slow(b, 1, foll::write | foll::force) == 1);
    if constexpr (!is_2019<TestType>) CHECK(w.letters(b) == "Y");
    w.unpin(1);
    const vaddr c = w.map(4096, {.prot = mm::prot::read, .shared = true, .source = &f, .at = a + 2_GiB});
    CHECK(w.pin_slow(c, 1, foll::write | foll::force) == -err::efault);
    const vaddr none = w.map(4096, {.prot = mm::prot::none, .at = a + 3_GiB});
    CHECK(w.pin_slow(none, 1, foll::force) == 1);
    CHECK(w.letters(none) == "YS");
    w.unpin(1);
    w.audit();
}

}  // namespace cow_tests
