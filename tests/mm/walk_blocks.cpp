// SPDX-License-Identifier: BSL-1.0
// The block form of the lockless walk: the same answers as the one-by-one form, which a trace asks for, and the same
// care when somebody comes between the grabs of a block and the second look at its entries (spec 05 §4 §6).
#include <functional>
#include <random>
#include <thread>

#include "device_box.hpp"

namespace walk_blocks_tests {

using namespace mmt;
using mm::race_point;

namespace {

/// Race points of the block form.
struct block_hooks : hooked {
    static constexpr bool by_block = true;
};
struct blocks_2019 : checked_2019 {
    using races = block_hooks;
    using walk = mm::walk_in_blocks;
};
struct blocks_6_12 : checked_6_12 {
    using races = block_hooks;
    using walk = mm::walk_in_wide_blocks;
};
static_assert(mm::walks_in_blocks<blocks_2019> && mm::walks_in_blocks<blocks_6_12>);
static_assert(mm::walks_in_blocks<mm::linux_6_12> && mm::walks_in_blocks<mm::foll_pin_2019>);
static_assert(!mm::walks_in_blocks<checked_6_12>);  // its race points are those of single entries

#define BOTH_IN_BLOCKS(name) TEMPLATE_TEST_CASE(name, "[walk-blocks]", blocks_2019, blocks_6_12)

/// The fast part of a call: once as the walk does it, and once as a call begins whose pages are in one table. A test that
/// asks runs twice.
template <class P>
long fast_only(world<P>& w, vaddr a, std::uint64_t n, unsigned flags, mm::gup_trace* trace = nullptr) {
    const bool as_row = GENERATE(false, true);
    w.pages.assign(n, nullptr);
    const bool plain = !trace && n != 0 && n <= mm::table_entries && (flags & ~(foll::pin | foll::get | foll::write)) == 0;
    if (as_row && plain && a / mm::pmd_size == (a + n * 4096 - 1) / mm::pmd_size) {
        const auto nr = static_cast<std::int64_t>(n);
        return (flags & foll::pin) != 0
                   ? mm::detail::row_or_page_fast<P, true>(w.t.mm(), a, nr, flags | foll::fast_only, w.pages.data())
                   : mm::detail::row_or_page_fast<P, false>(w.t.mm(), a, nr, flags | foll::fast_only, w.pages.data());
    }
    return static_cast<long>(mm::fast_part(w.t.mm(), a, a + n * 4096, flags, w.pages.data(), trace));
}
template <class P>
void give_back(world<P>& w, long n, unsigned flags) {
    if ((flags & foll::pin) != 0) w.unpin(n);
    else w.put(n);
}

/// Pages, units and statistics of both forms for one call.
template <class P>
void compare_forms(world<P>& w, vaddr a, std::uint64_t n, unsigned flags) {
    struct answer {
        long n;
        std::vector<frame<P>*> pages;
        std::vector<std::int64_t> counts;
        mm::pin_counters counted;
        std::uint64_t warned;
    } answers[2];
    for (answer& x : answers) {
        mm::gup_trace trace;
        w.box.warn().reset();
        const auto before = w.box.counters();
        x.n = fast_only(w, a, n, flags, &x == answers ? &trace : nullptr);
        x.counted = w.box.counters() - before;
        x.warned = w.box.warn().total();
        x.pages.assign(w.pages.begin(), w.pages.begin() + x.n);
        for (auto* p : x.pages) x.counts.push_back(w.box.phys().head(p)->count.refs());
        w.audit();
        give_back(w, x.n, flags);
    }
    REQUIRE(answers[0].n == answers[1].n);
    REQUIRE(answers[0].pages == answers[1].pages);
    CHECK(answers[0].counts == answers[1].counts);
    CHECK(answers[0].counted == answers[1].counted);
    CHECK(answers[0].warned == answers[1].warned);
}

}  // namespace

BOTH_IN_BLOCKS("blocks: whatever is mapped, both forms of the walk give the same pages, units and statistics") {
    std::mt19937 rng(7);
    world<TestType> w;
    auto& file = w.box.create_file(mm::file_kind::ext4, 64_KiB, mm::fill::pattern);
    const vaddr a = w.map(4_MiB, {.huge = true}), small = w.map(2_MiB, {.at = a + 4_MiB}),
                shared = w.map(64_KiB, {.shared = true, .source = &file, .at = a + 6_MiB}),
                lazy = w.map(64_KiB, {.source = &file, .at = a + 6_MiB + 64_KiB});
    for (std::uint64_t k = 0; k < 1024; k += 512) REQUIRE(w.t.store(a + k * 4096, 1) == mm::fault_result::ok);
    w.split_entry(a);
    for (std::uint64_t k = 0; k < 512; ++k)  // zero pages, holes, pages with a copy to come
        if (rng() % 16 != 0) REQUIRE(w.t.touch(small + k * 4096, rng() % 24 != 0) == mm::fault_result::ok);
    for (std::uint64_t k = 0; k < 16; ++k) {
        REQUIRE(w.t.touch(shared + k * 4096, k % 3 == 0) == mm::fault_result::ok);
        REQUIRE(w.t.touch(lazy + k * 4096, k % 5 == 0) == mm::fault_result::ok);
    }
    for (int i = 0; i < 6; ++i) {
        REQUIRE(w.t.madvise(a + rng() % 512 * 4096, 4096, mm::advice::dontneed) == 0);
        REQUIRE(w.t.mprotect(small + rng() % 500 * 4096, 12288, i % 2 == 0 ? mm::prot::read : mm::prot::none) == 0);
    }
    REQUIRE(w.t.store(a + 3 * 4096, 1) == mm::fault_result::ok);
    w.box.phys().lru_drain_all();
    for (int i = 0; i < 400; ++i) {
        const std::uint64_t first = rng() % 1568;
        const std::uint64_t n = i % 4 == 1 ? 1 : 1 + rng() % (i % 4 == 0 ? 600 : 20);
        const unsigned kinds[] = {foll::get, foll::pin, foll::pin | foll::longterm};
        compare_forms(w, a + first * 4096, n, kinds[rng() % 3] | (rng() % 2 == 0 ? foll::write : 0));
    }
    CHECK(w.box.counters().live() == 0);
}

BOTH_IN_BLOCKS("blocks: ptes of a large folio of a file, mapped privately, read for long: both forms leave them to the slow path") {
    world<TestType> w;
    auto& file = w.box.create_file(mm::file_kind::tmpfs_huge, 4_MiB, mm::fill::pattern);
    const vaddr a = w.map(2_MiB, {.source = &file, .at = (vaddr{1} << 40) + 64_KiB});
    REQUIRE(w.t.fault_in(a, 16, false) == 16);
    REQUIRE(w.box.phys().head(w.page_at(a))->order() == mm::pmd_order);
    for (const unsigned how : {foll::get, foll::pin, foll::pin | foll::longterm}) compare_forms(w, a, 16, how);
    if constexpr (!is_2019<TestType>) CHECK(fast_only(w, a, 16, foll::pin | foll::longterm) == 0);
}

BOTH_IN_BLOCKS("ranges: a huge entry of device pages, each counted by itself, takes as many lists as it needs") {
    device_world<TestType> w;
    const vaddr a = w.map_file(w.dax_file(1024));
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).at == mm::level::pmd);
    std::vector<mm::pinned_run<TestType>> runs;
    REQUIRE(w.t.pin_user_pages_fast_ranges(a, 512, foll::write, runs) == 512);
    std::uint64_t pages = 0;
    for (const auto& r : runs) {
        CHECK(r.first == w.page_at(a + pages * 4096));
        pages += r.count;
    }
    CHECK(pages == 512);
    CHECK(w.box.counters().live() == 512);
    w.audit();
    w.t.unpin_user_page_ranges(runs);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

/// Effects: `act` runs when the walk comes to `at` for the pte number `k`.
void at_pte(race_point at, std::uint64_t k, const std::function<void()>& act) {
    if (at == race_point::entry_read) k += 3;  // the entries above the ptes
    std::function<void()> then = act;
    for (; k != 0; --k) then = [at, then] { hooked::once(at, then); };
    hooked::once(at, then);
}

BOTH_IN_BLOCKS("blocks: an entry that changes before it is seen for the second time ends the walk there, with nothing held of it or behind it") {
    for (const auto at : {race_point::entry_read, race_point::head_resolved, race_point::added, race_point::head_checked})
        for (const unsigned flag : {foll::get, foll::pin})
            for (const std::uint64_t n : {1U, 40U})
                for (const std::uint64_t when : {0U, 3U, 33U})
                    for (const std::uint64_t k : {0U, 3U, 35U})
                        for (int action = 0; action < 3; ++action) {
                            if (when >= n || k >= n) continue;
                            world<TestType> w;
                            const vaddr a = w.map(n * 4096);
                            REQUIRE(w.t.fault_in(a, n, true) == n);
                            w.box.phys().lru_drain_all();
                            std::vector<frame<TestType>*> old;
                            for (std::uint64_t i = 0; i < n; ++i) old.push_back(w.page_at(a + i * 4096));
                            bool acted = false;
                            at_pte(at, when, [&] {
                                const vaddr x = a + k * 4096;
                                acted = true;
                                if (action == 0) CHECK(w.t.madvise(x, 4096, mm::advice::dontneed) == 0);
                                if (action == 1) CHECK(w.t.mprotect(x, 4096, mm::prot::read) == 0);
                                if (action == 2) {  // free, and reuse the frame at once
                                    CHECK(w.t.madvise(x, 4096, mm::advice::dontneed) == 0);
                                    CHECK(w.t.fault_in(w.map(1_MiB), 256, true) == 256);
                                }
                            });
                            const long got = fast_only(w, a, n, flag | foll::write);
                            CHECK(acted);
                            const std::uint64_t due = k < when ? n : k;  // it was seen twice before
                            CHECK(got == static_cast<long>(due));
                            for (std::uint64_t i = 0; i < due; ++i) CHECK(w.pages[i] == old[i]);
                            for (std::uint64_t i = due + 1; i < n; ++i) CHECK(old[i]->count.refs() == 1);
                            w.audit();
                            give_back(w, got, flag);
                            CHECK(w.box.counters().live() == 0);
                            CHECK(w.box.warn().total() == 0);
                            w.audit();
                        }
}

BOTH_IN_BLOCKS("blocks: what a block gives back may be the last release, and frees exactly once") {
    world<TestType> w;
    const vaddr a = w.map(8 * 4096);
    REQUIRE(w.t.fault_in(a, 8, true) == 8);
    w.box.phys().lru_drain_all();
    const auto free = w.box.free_pages();
    hooked::once(race_point::head_checked, [&] { CHECK(w.t.madvise(a, 8 * 4096, mm::advice::dontneed) == 0); });
    CHECK(fast_only(w, a, 8, foll::pin | foll::write) == 0);
    CHECK(w.box.free_pages() == free + 8);
    CHECK(w.box.counters() == mm::pin_counters{1, 1});  // as one by one: of the entry that was seen to change
    CHECK(w.box.warn().total() == 0);
    w.audit();
}

BOTH_IN_BLOCKS("blocks: when the entry above changes nothing of the block stays, though its own entries do (DEF-15)") {
    for (const bool huge : {false, true}) {
        world<TestType> w;
        const vaddr a = huge ? w.huge() : w.map(16 * 4096);
        if (huge) w.split_entry(a);
        else REQUIRE(w.t.fault_in(a, 16, true) == 16);
        auto& above = *w.t.mm().tables.find(a, mm::level::pmd).slot;
        mm::entry table;
        hooked::once(race_point::added, [&] { table = above.take(); });
        CHECK(fast_only(w, a, 16, foll::pin | foll::write) == 0);
        above.set(table);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}

BOTH_IN_BLOCKS("blocks: tables taken away under a block are freed after the walk") {
    world<TestType> w;
    const vaddr a = w.map(8 * 4096, {.at = vaddr{1} << 44});
    REQUIRE(w.t.fault_in(a, 8, true) == 8);
    const auto tables = w.t.mm().tables.tables();
    hooked::once(race_point::added, [&] {
        CHECK(w.t.munmap(a, 8 * 4096) == 0);
        CHECK(w.t.mm().tables.tables() == tables);  // unhooked, not freed: the section is open
    });
    CHECK(fast_only(w, a, 8, foll::pin) == 0);
    CHECK(w.t.mm().tables.collect());
    CHECK(w.t.mm().tables.tables() == tables - 3);
    w.audit();
}

BOTH_IN_BLOCKS("blocks: a grab that is refused in the middle leaves the pages before it, and warns once") {
    world<TestType> w;
    const vaddr a = w.map(8 * 4096);
    REQUIRE(w.t.fault_in(a, 8, true) == 8);
    auto* full = w.page_at(a + 5 * 4096);
    full->count.set_raw(-5);
    CHECK(fast_only(w, a, 8, foll::pin | foll::write) == 5);
    CHECK(full->count.refs() == -5);
    CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
    CHECK(w.page_at(a + 6 * 4096)->count.refs() == 1);
    full->count.set_raw(1);
    w.unpin(5);
    w.audit();
}

BOTH_IN_BLOCKS("huge entries: a head that is full refuses all units of its entry, and warns once") {
    world<TestType> w;
    const vaddr a = w.huge();
    auto* const head = w.page_at(a);
    const auto before = head->count.raw();
    head->count.set_raw(-5);
    CHECK(fast_only(w, a, 512, foll::pin | foll::write) == 0);
    CHECK(head->count.refs() == -5);
    CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
    head->count.set_raw(before);
    w.audit();
}

BOTH_IN_BLOCKS("huge entries: units taken while the entry went are given back, the last of them frees the folio") {
    for (const unsigned flag : {foll::get, foll::pin}) {
        world<TestType> w;
        const vaddr a = w.huge();
        auto* const head = w.page_at(a);
        hooked::once(race_point::head_checked, [&] {
            CHECK(w.t.madvise(a, mm::pmd_size, mm::advice::dontneed) == 0);
            CHECK(head->count.refs() > 0);
        });
        CHECK(fast_only(w, a, 512, flag | foll::write) == 0);
        CHECK(head->count.refs() == 0);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}

BOTH_IN_BLOCKS("one page: a call that a fork may have met goes slow, and gives back what it held") {
    if constexpr (TestType::fast_pins_are_noted) {
        world<TestType> w;
        const vaddr a = w.map(2 * 4096);
        REQUIRE(w.t.fault_in(a, 2, true) == 2);
        auto* const page = w.page_at(a);
        auto& seq = w.t.mm().write_protect_seq;
        const auto pin = [&] { return w.t.pin_user_pages_fast(a, 1, foll::write, {w.pages.data(), 1}); };
        w.pages.assign(1, nullptr);
        unsigned slow = 0;
        const auto counted = [&] { ++slow; };

        seq.store(1);  // write-protecting now: nothing is tried
        hooked::once(race_point::before_fallback, counted);
        CHECK(pin() == 1);
        CHECK(slow == 1);
        CHECK(page->count.refs() == 1 + 1024);
        seq.store(2);
        hooked::once(race_point::after_walk, [&] { seq.store(4); });  // it was, while the page was taken
        CHECK(pin() == 1);
        CHECK(page->count.refs() == 1 + 2 * 1024);
        CHECK(w.box.counters().acquired == 3);  // one of them was given back
        CHECK(w.box.counters().released == 1);
        const auto* const of_file = w.page_at(a + 4096);
        CHECK(of_file->count.refs() == 1);
        w.pages = {page, page};
        w.unpin(2);
        w.audit();
    }
}
BOTH_IN_BLOCKS("one page: what a file owns is asked about while it is held, and a fork behind that is met, too") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::tmpfs, 4096, mm::fill::pattern);
    const vaddr a = w.map(4096, {.shared = true, .source = &f});
    REQUIRE(w.t.fault_in(a, 1, true) == 1);
    auto* const page = w.page_at(a);
    const auto before = page->count.raw();
    w.pages.assign(1, nullptr);
    for (const bool fork : {false, true}) {
        if (fork) hooked::once(race_point::after_walk, [&] { w.t.mm().write_protect_seq.store(2); });
        CHECK(w.t.pin_user_pages_fast(a, 1, foll::write, {w.pages.data(), 1}) == 1);
        CHECK(page->count.refs() == before + 1024);
        CHECK(w.box.counters().live() == 1);
        w.unpin(1);
        w.audit();
    }
}

BOTH_IN_BLOCKS("rows: a call of one or several pages is out of its section before it goes slow, and says how many it got") {
    const auto outside = [] { CHECK_FALSE(mm::fast_section::active()); };
    for (const long n : {1, 3, 20}) {
        world<TestType> w;
        const auto bytes = static_cast<std::uint64_t>(n) * 4096;
        const vaddr far = vaddr{1} << 44, a = w.map(bytes, {.at = far});
        hooked::once(race_point::before_fallback, outside);
        CHECK(w.pin(a, n, foll::write) == n);  // no table leads there
        w.unpin(n);
        const vaddr b = w.map(bytes);
        REQUIRE(w.t.fault_in(b, static_cast<std::uint64_t>(n), true) == static_cast<std::uint64_t>(n));
        REQUIRE(w.t.munmap(b + bytes - 4096, 4096) == 0);
        hooked::once(race_point::before_fallback, outside);
        CHECK(w.pin(b, n, foll::write) == (n == 1 ? -mm::err::efault : n - 1));  // the last page is nowhere
        if (n > 1) w.unpin(n - 1);
        for (long k = 0; k + 1 < n; ++k) CHECK(w.refs(b + static_cast<std::uint64_t>(k) * 4096) == 1);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}
BOTH_IN_BLOCKS("rows: pages of two nodes are counted where they are, and pages nobody has used are marked") {
    mm::options o = small();
    o.more_nodes.push_back({.ram = 32_MiB});
    world<TestType> w(o);
    const vaddr a = w.map(10 * 4096, {.at = 1_GiB}), b = w.map(7 * 4096, {.at = 1_GiB + 10 * 4096, .node = 1});
    REQUIRE(w.t.fault_in(a, 10, true) == 10);
    REQUIRE(w.t.fault_in(b, 7, true) == 7);
    w.box.phys().lru_drain_all();
    for (int round = 0; round < 2; ++round) {
        for (std::uint64_t k = 0; k < 17; ++k) w.page_at(a + k * 4096)->clear(mm::pg::referenced);
        CHECK(w.pin(a, 17, foll::write) == 17);
        for (auto* page : w.first(17)) CHECK(page->is(mm::pg::referenced));
        CHECK(w.box.counters(0).live() == 10);
        CHECK(w.box.counters(1).live() == 7);
        w.audit();
        w.unpin(17);
        CHECK(w.pin(a + 2 * 4096, 9, foll::write) == 9);  // all marked
        CHECK(w.box.counters(0).live() == 8);
        CHECK(w.box.counters(1).live() == 1);
        w.unpin(9);
    }
}
BOTH_IN_BLOCKS("rows: what is given back because its entry changed is given back whole, whatever the call named") {
    for (const long n : {1, 3})
        for (const bool pin : {false, true}) {
            world<TestType> w;
            const vaddr a = w.map(3 * 4096);
            REQUIRE(w.t.fault_in(a, 3, true) == 3);
            w.box.phys().lru_drain_all();
            auto* const old = w.page_at(a);
            bool checked = false;
            hooked::once(race_point::head_checked, [&] { CHECK(w.t.madvise(a, 4096, mm::advice::dontneed) == 0); });
            hooked::once(race_point::before_fallback, [&] { checked = old->count.refs() == 0; });
            CHECK((pin ? w.pin(a, n, foll::write) : w.get(a, n, foll::write)) == n);
            CHECK(checked);
            give_back(w, n, pin ? foll::pin : foll::get);
            w.audit();
        }
}
BOTH_IN_BLOCKS("rows: a call that a fork may have met goes slow, and gives back what it held") {
    if constexpr (TestType::fast_pins_are_noted) {
        world<TestType> w;
        const vaddr a = w.map(20 * 4096);
        REQUIRE(w.t.fault_in(a, 20, true) == 20);
        auto& seq = w.t.mm().write_protect_seq;
        unsigned slow = 0;
        const auto counted = [&] { ++slow; };
        CHECK(w.pin(a, 2, foll::write) == 2);  // from now on the table is remembered
        w.unpin(2);
        for (const long n : {3, 20}) {
            for (const auto at : {race_point::before_walk, race_point::after_walk, race_point::head_checked}) {
                hooked::once(at, [&] {
                    seq.store(seq.load() + 2);
                    if (at == race_point::head_checked) w.page_at(a)->clear(mm::pg::referenced);
                });
                hooked::once(race_point::before_fallback, counted);
                const auto before = w.box.counters();
                CHECK(w.pin(a, n, foll::write) == n);
                CHECK((w.box.counters() - before) == mm::pin_counters{2 * n, n});
                w.unpin(n);
            }
            seq.store(seq.load() + 1);  // write-protecting now: nothing is tried
            hooked::once(race_point::before_fallback, counted);
            const auto before = w.box.counters();
            CHECK(w.pin(a, n, foll::write) == n);
            CHECK((w.box.counters() - before) == mm::pin_counters{n, 0});
            w.unpin(n);
            seq.store(seq.load() + 1);
        }
        CHECK(slow == 8);
        w.audit();
    }
}

BOTH_IN_BLOCKS("runs: the ptes of one folio take their units at once, and keep those before the entry that changed") {
    for (const auto at : {race_point::added, race_point::head_checked})
        for (const unsigned flag : {foll::get, foll::pin})
            for (const std::uint64_t k : {0U, 1U, 17U, 499U}) {
                world<TestType> w;
                const vaddr a = w.huge();
                w.split_entry(a);
                auto* const head = w.page_at(a);
                const auto before = head->count.raw();
                hooked::once(at, [&] { CHECK(w.t.madvise(a + (12 + k) * 4096, 4096, mm::advice::dontneed) == 0); });
                CHECK(fast_only(w, a + 12 * 4096, 500, flag | foll::write) == static_cast<long>(k));
                for (std::uint64_t i = 0; i < k; ++i) CHECK(w.pages[i] == head + 12 + i);
                const auto unit = flag == foll::get ? 1 : mm::pin_unit(*head);
                CHECK(head->count.refs() == before - 1 + static_cast<std::int64_t>(k) * unit);
                w.audit();
                give_back(w, static_cast<long>(k), flag);
                CHECK(w.box.counters().live() == 0);
                w.audit();
            }
}

BOTH_IN_BLOCKS("runs: a folio that is split before its grab is pinned page by page, or not at all") {
    for (const auto at : {race_point::entry_read, race_point::head_resolved}) {
        world<TestType> w;
        const vaddr a = w.huge();
        w.split_entry(a);
        w.box.phys().lru_drain_all();
        auto* const head = w.page_at(a);
        hooked::once(at, [&] {
            w.box.phys().hold(head, mm::holder::temporary);
            mm::lock_page(head);
            CHECK(mm::split_folio(w.box.phys(), head, head) == 0);
            mm::unlock_page(head);
            w.box.phys().drop(head, mm::holder::temporary);
        });
        const long n = fast_only(w, a + 32 * 4096, 64, foll::pin | foll::write);
        for (long i = 0; i < n; ++i) CHECK(w.pages[static_cast<std::size_t>(i)] == head + 32 + i);
        CHECK(w.box.counters().live() == n);
        w.audit();
        w.unpin(n);
        w.audit();
    }
}

TEMPLATE_TEST_CASE("runs: near the limit of a count the walk adds one by one, so the same number of pages is served", "[walk-blocks]",
                   blocks_2019, blocks_6_12, product_2019, product_6_12) {
    world<TestType> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    auto* const head = w.page_at(a);
    const auto mapped = head->count.raw();
    constexpr auto most = decltype(head->count)::traits::max_value;
    for (const unsigned flags : {foll::get, foll::pin | foll::write})
        for (const int room : {0, 3, 5000}) {
            head->count.set_raw(most - room);
            head->clear(mm::pg::referenced);
            const auto serves = [&](mm::gup_trace* trace) {
                w.box.warn().reset();
                const long n = fast_only(w, a, 512, flags, trace);
                for (long i = n; i-- > 0;) mm::ungrab(w.box.phys(), w.pages[static_cast<std::size_t>(i)], 1, flags);
                CHECK(head->count.refs() == most - room);
                return std::pair(n, w.box.warn().total());
            };
            mm::gup_trace trace;
            CHECK(serves(nullptr) == serves(&trace));
        }
    head->count.set_raw(mapped);
    w.audit();
}

TEMPLATE_TEST_CASE("runs: a large folio counts as used when it is held", "[walk-blocks]", blocks_2019, blocks_6_12, product_2019,
                   product_6_12) {
    world<TestType> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    for (const unsigned flag : {foll::get, foll::pin}) {
        w.page_at(a)->clear(mm::pg::referenced);
        REQUIRE((flag == foll::pin ? w.pin(a, 512, foll::write) : w.get(a, 512, foll::write)) == 512);
        CHECK(w.page_at(a)->is(mm::pg::referenced));
        give_back(w, 512, flag);
    }
    w.audit();
}

BOTH_IN_BLOCKS("releases by blocks: nulls, doubles, large folios and dirty pages between single ones") {
    world<TestType> w;
    const vaddr a = w.map(32 * 4096), huge = w.huge();
    REQUIRE(w.t.fault_in(a, 32, true) == 32);
    REQUIRE(w.pin(a, 32, foll::write) == 32);
    std::vector<frame<TestType>*> pages = w.pages;
    REQUIRE(w.pin(a, 32, foll::write) == 32);
    pages.insert(pages.begin() + 20, w.pages.begin(), w.pages.end());
    REQUIRE(w.pin(huge + 7 * 4096, 100, foll::write) == 100);
    pages.insert(pages.begin() + 11, w.pages.begin(), w.pages.end());
    pages.insert(pages.begin() + 3, nullptr);
    pages.insert(pages.begin() + 140, nullptr);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    pages.insert(pages.begin(), w.pages[0]);  // twice in a row
    w.audit();
    w.t.unpin_user_pages(std::span<frame<TestType>* const>(pages).first(90));
    w.t.unpin_user_pages_dirty_lock(std::span<frame<TestType>* const>(pages).subspan(90), true);
    CHECK(w.box.counters().live() == 0);
    for (std::uint64_t k = 0; k < 32; ++k) CHECK(w.page_at(a + k * 4096)->count.refs() == 1);
    CHECK(w.page_at(huge)->count.refs() == 1);
    CHECK(w.page_at(huge)->is(mm::pg::dirty));
    CHECK(w.box.warn().total() == 0);
    w.audit();
}

BOTH_IN_BLOCKS("blocks: a block ends before an entry that is no plain leaf, wherever in it that is") {
    for (std::uint64_t k = 0; k < 8; ++k)
        for (int kind = 0; kind < 5; ++kind) {
            world<TestType> w;
            const vaddr a = w.map(8 * 4096), x = a + k * 4096;
            REQUIRE(w.t.fault_in(a, 8, true) == 8);
            w.box.phys().lru_drain_all();
            if (kind == 0) REQUIRE(w.t.mprotect(x, 4096, mm::prot::none) == 0);
            if (kind == 1) REQUIRE(w.t.mprotect(x, 4096, mm::prot::read) == 0);
            if (kind == 2 || kind == 3) REQUIRE(w.t.madvise(x, 4096, mm::advice::dontneed) == 0);
            if (kind == 3) REQUIRE(w.t.load(x).value == 0);  // the zero page
            if (kind == 4) REQUIRE(w.t.madvise(x, 4096, mm::advice::pageout) == 0);
            const unsigned flags = foll::pin | (kind == 1 ? foll::write : 0U);
            CHECK(fast_only(w, a, 8, flags) == static_cast<long>(k));
            compare_forms(w, a, 8, flags);
            for (std::uint64_t i = 0; i < k; ++i) w.t.unpin_user_page(w.page_at(a + i * 4096));
            CHECK(w.box.counters().live() == 0);
            w.audit();
        }
}

BOTH_IN_BLOCKS("ranges: the same pages and units as slots, one element per folio, released by ranges") {
    world<TestType> w;
    const vaddr a = w.map(6_MiB + 80 * 4096, {.huge = true});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(a + 2_MiB, 1) == mm::fault_result::ok);
    w.split_entry(a + 2_MiB);
    const std::uint64_t pages = 3 * 512 + 80;  // a pmd, a folio by ptes, what is not there yet
    for (const auto& [from, n] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
             {0, 1024}, {5, 700}, {511, 2}, {1000, 600}, {0, pages}, {1536, 80}}) {
        const vaddr at = a + from * 4096;
        std::vector<mm::pinned_run<TestType>> runs(1);  // what is there stays
        REQUIRE(w.t.pin_user_pages_fast_ranges(at, static_cast<std::int64_t>(n), foll::write, runs) == static_cast<long>(n));
        REQUIRE(runs.front() == mm::pinned_run<TestType>{});
        runs.erase(runs.begin());
        std::vector<frame<TestType>*> flat;
        for (const auto& r : runs) {
            CHECK(w.box.phys().head(r.first) == r.head);
            for (std::uint64_t k = 0; k < r.count; ++k) flat.push_back(w.box.phys().nth(r.first, k));
        }
        w.audit();
        REQUIRE(w.pin(at, static_cast<long>(n), foll::write) == static_cast<long>(n));
        CHECK(flat == w.pages);
        w.unpin(static_cast<long>(n));
        if (from + n <= 1024) CHECK(runs.size() == (from < 512 && from + n > 512 ? 2 : 1));
        const bool dirty = n == 700;
        w.t.unpin_user_page_ranges(runs, dirty);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
    std::vector<mm::pinned_run<TestType>> none;
    CHECK(w.t.pin_user_pages_fast_ranges(a, 4, foll::get, none) < 0);
    CHECK(w.t.pin_user_pages_fast_ranges(a + 1_GiB, 4, foll::write, none) < 0);
    CHECK(w.t.pin_user_pages_fast_ranges(a, 0, foll::write, none) == 0);
    CHECK(none.empty());
}

BOTH_IN_BLOCKS("ranges: more runs than one walk can list; a fork in between gives all of them back") {
    world<TestType> w;
    // Two pages before the end of a table: the list is not filled by whole blocks.
    const vaddr a = w.map(512 * 4096, {.at = (vaddr{1} << 43) + 2_MiB - 2 * 4096});
    REQUIRE(w.t.fault_in(a, 512, true) == 512);
    std::vector<mm::pinned_run<TestType>> runs;
    hooked::once(race_point::before_fallback, [] { FAIL_CHECK("the slow path has nothing to do here"); });
    REQUIRE(w.t.pin_user_pages_fast_ranges(a, 512, foll::write, runs) == 512);
    CHECK(runs.size() == 512);
    CHECK(w.box.counters().live() == 512);
    w.audit();
    w.t.unpin_user_page_ranges(runs);
    auto& seq = w.t.mm().write_protect_seq;
    mm::detail::run_list<TestType> list;
    hooked::once(race_point::after_walk, [&] { seq.store(seq.load() + 2); });
    const bool noticed = !is_2019<TestType>;
    const auto n = mm::fast_part<TestType>(w.t.mm(), a, a + 64 * 4096, foll::pin, nullptr, nullptr, &list);
    CHECK(n == (noticed ? 0 : 64));
    CHECK(w.box.counters().live() == (noticed ? 0 : 64));
    w.t.unpin_user_page_ranges(std::span<const mm::pinned_run<TestType>>(list.begin(), list.end()));
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_IN_BLOCKS("ranges: whoever asks for far more than there is gets what there is, and needs no memory for the rest") {
    world<TestType> w;
    const vaddr a = w.map(1100 * 4096);
    REQUIRE(w.t.fault_in(a, 8, true) == 8);
    std::vector<mm::pinned_run<TestType>> runs;
    CHECK(w.t.pin_user_pages_fast_ranges(a, 0x7fffffff, foll::write, runs) == 1100);
    CHECK(runs.capacity() < 10000);
    CHECK(w.box.counters().live() == 1100);
    w.t.unpin_user_page_ranges(runs);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_IN_BLOCKS("ranges: a page that is mapped twice in a row is two elements") {
    world<TestType> w;
    auto* page = w.box.driver_page();
    const vaddr a = w.map(2 * 4096, {.shared = true, .kind = mm::map_kind::mixedmap});
    REQUIRE(w.t.insert_page(a, page) == 0);
    REQUIRE(w.t.insert_page(a + 4096, page) == 0);
    std::vector<mm::pinned_run<TestType>> runs;
    CHECK(w.t.pin_user_pages_fast_ranges(a, 2, 0, runs) == 2);
    CHECK(runs == std::vector<mm::pinned_run<TestType>>(2, {page, page, 1}));
    w.t.unpin_user_page_ranges(runs);
    CHECK(w.box.counters().live() == 0);
    CHECK(w.t.munmap(a, 2 * 4096) == 0);
    w.box.put_driver_page(page);
}

BOTH_IN_BLOCKS("ranges: a call that begins at a remembered huge entry goes on where its table ends, and sees what has changed") {
    world<TestType> w;
    const vaddr a = w.map(8_MiB, {.at = (vaddr{1} << 43) + 1_GiB - 4_MiB, .huge = true});  // two entries in each of two tables
    for (unsigned k = 0; k < 4; ++k) REQUIRE(w.t.store(a + k * 2_MiB, 1) == mm::fault_result::ok);
    const auto run_of = [&](unsigned leaf, std::uint64_t from, std::uint64_t n) {
        auto* const head = w.box.phys().head(w.page_at(a + leaf * 2_MiB));
        return mm::pinned_run<TestType>{head, w.box.phys().nth(head, from), n};
    };
    const auto runs_from_5 = [&](long expected) {
        std::vector<mm::pinned_run<TestType>> runs;
        CHECK(w.t.pin_user_pages_fast_ranges(a + 5 * 4096, 2048 - 5 - 7, foll::write, runs) == expected);
        CHECK(w.box.counters().live() == std::max(expected, 0L));
        w.audit();
        w.t.unpin_user_page_ranges(runs);
        CHECK(w.box.counters().live() == 0);
        return runs;
    };
    const std::vector all{run_of(0, 5, 507), run_of(1, 0, 512), run_of(2, 0, 512), run_of(3, 0, 505)};
    for (unsigned k = 0; k < 2; ++k) CHECK(runs_from_5(2036) == all);
    w.split_entry(a);  // the first, which is remembered
    CHECK(runs_from_5(2036) == all);
    w.split_entry(a + 4_MiB);
    CHECK(runs_from_5(2036) == all);
    REQUIRE(w.t.munmap(a + 2_MiB, 2_MiB) == 0);
    CHECK(runs_from_5(507) == std::vector{all[0]});
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(runs_from_5(-err::efault).empty());
}

BOTH_IN_BLOCKS("ranges: a call within one remembered huge entry, whatever there is room for and whoever calls") {
    world<TestType> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* const head = w.box.phys().head(w.page_at(a));
    hooked::once(race_point::before_fallback, [] { FAIL_CHECK("the slow path has nothing to do here"); });
    struct part {
        std::uint64_t from, n;
    };
    for (const part of : {part{0, 512}, part{5, 1}, part{511, 1}, part{3, 400}})
        for (const std::size_t room : {0U, 1U, 8U}) {
            std::vector<mm::pinned_run<TestType>> runs;
            runs.reserve(room);
            const auto pins = [&] {
                CHECK(w.t.pin_user_pages_fast_ranges(a + of.from * 4096, static_cast<std::int64_t>(of.n), foll::write, runs) ==
                      static_cast<long>(of.n));
            };
            head->clear(mm::pg::referenced);
            pins();
            CHECK(head->is(mm::pg::referenced));
            std::thread(pins).join();  // which remembers nothing yet
            CHECK(runs == std::vector(2, mm::pinned_run<TestType>{head, w.box.phys().nth(head, of.from), of.n}));
            CHECK(w.box.counters().live() == static_cast<long>(2 * of.n));
            w.audit();
            w.t.unpin_user_page_ranges(runs);
            CHECK(w.box.counters().live() == 0);
        }
    hooked::once(race_point::before_fallback, nullptr);
    w.audit();
}

BOTH_IN_BLOCKS("leaves, ranges and runs: a folio that is split between the look at it and the grab") {
    enum what { leaf, range, run };
    const what kind = GENERATE(leaf, range, run);
    world<TestType> w;
    const vaddr a = w.huge(), from = a + 8 * 4096;
    auto* const head = w.page_at(a);
    if (kind == run) w.split_entry(a);
    std::vector<mm::pinned_run<TestType>> runs;
    const auto pins = [&] {
        runs.clear();
        runs.reserve(128);
        CHECK((kind == range ? w.t.pin_user_pages_fast_ranges(from, 100, foll::write, runs) : w.pin(from, 100, foll::write)) == 100);
        CHECK(w.box.counters().live() == 100);
        w.audit();
        if (kind == range) w.t.unpin_user_page_ranges(runs);
        else w.unpin(100);
        CHECK(w.box.counters().live() == 0);
    };
    pins();  // remembered from here on
    hooked::once(race_point::head_resolved, [&] {
        w.box.phys().hold(head, mm::holder::temporary);
        REQUIRE(mm::try_lock_page(head));
        CHECK(mm::split_folio(w.box.phys(), head, head) == 0);
        mm::unlock_page(head);
        w.box.phys().drop(head, mm::holder::temporary);
    });
    pins();
    CHECK(head->order() == 0);
    CHECK(runs.size() == (kind == range ? 100 : 0));
    CHECK(head->count.refs() == 1);
    w.audit();
}

BOTH_IN_BLOCKS("blocks and ranges: whoever asks beyond the end of user space is refused, whatever is mapped before it") {
    world<TestType> w;
    const vaddr a = w.map(2 * 4096, {.at = mm::geometry<TestType::p4d_folded>::user_end - 2 * 4096});
    REQUIRE(w.t.fault_in(a, 2, true) == 2);
    std::vector<mm::pinned_run<TestType>> runs;
    for (unsigned again = 0; again < 2; ++again) {
        CHECK(w.pin(a, 3, foll::write) == -err::efault);
        CHECK(w.get(a + 4096, 2, foll::write) == -err::efault);
        CHECK(w.t.pin_user_pages_fast_ranges(a, 3, foll::write, runs) == -err::efault);
        CHECK(w.pin(a, 2, foll::write) == 2);
        w.unpin(2);
    }
    CHECK(w.box.counters() == mm::pin_counters{4, 4});
}

BOTH_IN_BLOCKS("ranges: a huge entry that goes, or a fork that comes, while its folio is taken") {
    world<TestType> w;
    const vaddr a = w.huge();
    auto& seq = w.t.mm().write_protect_seq;
    const bool noticed = !is_2019<TestType>;
    const auto pins = [&](long expected, std::size_t pieces, std::int64_t in_vain) {
        std::vector<mm::pinned_run<TestType>> runs;
        runs.reserve(4);
        const auto before = w.box.counters();
        CHECK(w.t.pin_user_pages_fast_ranges(a + 8 * 4096, 100, foll::write, runs) == expected);
        CHECK(runs.size() == pieces);
        CHECK(w.box.counters() - before == mm::pin_counters{expected + in_vain, in_vain});
        w.audit();
        w.t.unpin_user_page_ranges(runs);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    };
    pins(100, 1, 0);  // remembered from here on
    hooked::once(race_point::after_walk, [&] { seq.store(seq.load() + 2); });
    pins(100, 1, noticed ? 100 : 0);
    seq.store(seq.load() + 1);
    unsigned slow = 0;
    hooked::once(race_point::before_fallback, [&] { ++slow; });
    pins(100, 1, 0);
    CHECK(slow == (noticed ? 1 : 0));
    hooked::once(race_point::before_fallback, nullptr);
    seq.store(seq.load() + 1);
    hooked::once(race_point::head_checked, [&] { w.split_entry(a); });
    pins(100, 1, 100);
    pins(100, 1, 0);  // by ptes
}

BOTH_IN_BLOCKS("a page of a large folio: one unit of its head, whatever changes while it is taken") {
    const bool by_ptes = GENERATE(false, true), pin = GENERATE(false, true);
    world<TestType> w;
    const vaddr a = w.huge(), x = a + 5 * 4096;
    REQUIRE(w.t.store(x, 1) == mm::fault_result::ok);  // zeros would be dropped by a split
    if (by_ptes) w.split_entry(a);
    auto* const page = w.page_at(x);
    auto* const head = w.box.phys().head(page);
    auto& seq = w.t.mm().write_protect_seq;
    unsigned slow = 0;
    const auto takes = [&](std::int64_t in_vain, unsigned falls_back) {
        const auto before = w.box.counters();
        CHECK((pin ? w.pin(x, 1, foll::write) : w.get(x, 1, foll::write)) == 1);
        CHECK(w.pages[0] == page);
        CHECK(w.box.counters() - before == (pin ? mm::pin_counters{1 + in_vain, in_vain} : mm::pin_counters{}));
        CHECK(slow == falls_back);
        w.audit();
        give_back(w, 1, pin ? foll::pin : foll::get);
        CHECK(w.box.counters().live() == 0);
        slow = 0;
    };
    const auto falls_back = [&](auto and_then) {
        hooked::once(race_point::before_fallback, [&slow, and_then] {
            ++slow;
            and_then();
        });
    };
    const auto nothing = [] {};

    head->clear(mm::pg::referenced);
    falls_back(nothing);
    takes(0, 0);
    CHECK(head->is(mm::pg::referenced));
    takes(0, 0);  // remembered from here on
    hooked::once(race_point::head_checked, [&] { REQUIRE(w.t.mprotect(x, 4096, mm::prot::none) == 0); });
    falls_back([&] { REQUIRE(w.t.mprotect(x, 4096, mm::prot::read | mm::prot::write) == 0); });
    takes(1, 1);
    takes(0, 0);
    auto& above = *w.t.mm().tables.find(a, mm::level::pmd).slot;
    mm::entry taken;
    hooked::once(race_point::head_checked, [&] { taken = above.take(); });
    falls_back([&] { above.set(taken); });
    takes(1, 1);
    takes(0, 0);
    const bool noticed = pin && !is_2019<TestType>;
    hooked::once(race_point::after_walk, [&] { seq.store(seq.load() + 2); });
    falls_back(nothing);
    takes(noticed ? 1 : 0, noticed ? 1 : 0);
    hooked::once(race_point::before_fallback, nullptr);
    hooked::once(race_point::head_resolved, [&] {
        w.box.phys().hold(head, mm::holder::temporary);
        REQUIRE(mm::try_lock_page(head));
        CHECK(mm::split_folio(w.box.phys(), head, head) == 0);
        mm::unlock_page(head);
        w.box.phys().drop(head, mm::holder::temporary);
    });
    takes(0, 0);
    CHECK(head->order() == 0);
    CHECK(page->count.refs() == 1);
    takes(0, 0);
}

BOTH_IN_BLOCKS("ranges: a folio whose ptes stand in two tables is one element") {
    world<TestType> w;
    const vaddr a = w.huge(), to = a + 1_GiB + 100 * 4096;
    w.split_entry(a);
    REQUIRE(w.t.mremap(a, {.old_length = 2_MiB, .new_length = 2_MiB, .to = to}).error == 0);
    auto* const head = w.box.phys().head(w.page_at(to));
    std::vector<mm::pinned_run<TestType>> runs;
    REQUIRE(w.t.pin_user_pages_fast_ranges(to, 512, foll::write, runs) == 512);
    CHECK(runs == std::vector<mm::pinned_run<TestType>>(1, {head, head, 512}));
    w.audit();
    w.t.unpin_user_page_ranges(runs);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_IN_BLOCKS("blocks: a single page counts as used when it is held") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    for (const unsigned flag : {foll::get, foll::pin}) {
        w.page_at(a)->clear(mm::pg::referenced);
        REQUIRE((flag == foll::pin ? w.pin(a, 1, foll::write) : w.get(a, 1, foll::write)) == 1);
        CHECK(w.page_at(a)->is(mm::pg::referenced));
        give_back(w, 1, flag);
    }
    w.audit();
}

BOTH_IN_BLOCKS("blocks and runs: a long-term pin of pages that must be able to move is left to the slow path") {
    mm::options o = small();
    o.movable = 64_MiB;
    world<TestType> w(o);
    const vaddr a = w.map(16 * 4096), huge = w.huge();
    REQUIRE(w.t.fault_in(a, 16, true) == 16);
    w.split_entry(huge);
    for (const vaddr at : {a, huge}) {
        REQUIRE(w.page_at(at)->zone() == mm::zone_kind::movable);
        const long n = fast_only(w, at, 16, foll::pin | foll::longterm | foll::write);
        CHECK(n == (is_2019<TestType> ? 16 : 0));
        w.unpin(n);
        compare_forms(w, at, 16, foll::pin | foll::longterm | foll::write);
        compare_forms(w, at, 16, foll::pin | foll::write);
    }
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

TEST_CASE("blocks: where small pages and heads of large folios alternate, little is held in vain", "[walk-blocks]") {
    world<blocks_6_12> w;
    w.box.phys().small_thp[2] = mm::thp_mode::always;
    const vaddr large = w.map(64 * 16384);
    REQUIRE(w.t.fault_in(large, 256, true) == 256);
    w.box.phys().small_thp[2] = mm::thp_mode::never;
    const vaddr a = w.map(128 * 4096, {.at = vaddr{1} << 40});
    REQUIRE(w.t.fault_in(a, 128, true) == 128);
    for (std::uint64_t k = 0; k < 64; ++k) {
        REQUIRE(w.page_at(large + k * 16384)->order() == 2);
        REQUIRE(*w.t.mremap(large + k * 16384, {.old_length = 4096, .new_length = 4096, .to = a + (2 * k + 1) * 4096}) ==
                a + (2 * k + 1) * 4096);
    }
    w.box.phys().lru_drain_all();
    long grabs = 0;
    std::function<void()> count = [&] {
        ++grabs;
        hooked::once(race_point::added, count);
    };
    hooked::once(race_point::added, count);
    CHECK(fast_only(w, a, 128, foll::pin | foll::write) == 128);
    hooked::once(race_point::added, nullptr);
    CHECK(grabs < 128 * 8);
    w.audit();
    w.unpin(128);
    w.audit();
}

BOTH_IN_BLOCKS("blocks: flags and owner of a frame are read as one pair of words, so they stand together") {
    frame<TestType> f{};
    CHECK(reinterpret_cast<const char*>(&f.mapping) - reinterpret_cast<const char*>(&f.flags) == 8);
}

TEMPLATE_TEST_CASE_SIG("rows: as far as words follow each other, whatever the form, the length and the place", "[walk-blocks]",
                       ((bool Wide), Wide), false, true) {
    alignas(64) mm::entry_slot slots[81];
    frame<mm::linux_6_12>* pages[82];
    auto* const first = reinterpret_cast<frame<mm::linux_6_12>*>(std::uintptr_t{1} << 30);
    for (std::uint64_t from : {0U, 1U, 3U})
        for (std::uint64_t n = 0; n + from <= 80; ++n)
            for (std::uint64_t odd = 0; odd <= n; odd += odd < 20 || odd + 3 > n ? 1 : 7) {
                const mm::entry e = mm::entry::leaf(mm::pfn{100 + from}, 0);
                for (std::uint64_t i = 0; i < 81; ++i) slots[i].set(mm::entry::leaf(mm::pfn{100 + i}, 0));
                if (odd < n) slots[from + odd].set(slots[from + odd].read().with(mm::eb::dirty));
                CHECK(mm::detail::entries_in_row<Wide>(slots + from, e, n) == odd);
                std::fill(std::begin(pages), std::end(pages), nullptr);
                mm::detail::fill_row<Wide>(pages + from, first, n);
                for (std::uint64_t i = 0; i < 82; ++i)
                    if (pages[i] != (i < from || i >= from + n ? nullptr : first + (i - from))) FAIL("slot " << i);
                if (odd < n) pages[from + odd] = nullptr;
                CHECK(mm::detail::pages_in_row<Wide>(pages + from, first, n) == odd);
            }
}

}  // namespace walk_blocks_tests
