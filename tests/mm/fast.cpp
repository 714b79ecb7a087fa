// SPDX-License-Identifier: BSL-1.0
// The lockless walk: what it serves, where it stops, what it undoes at each race point (spec 05).
#include "box.hpp"

namespace fast_tests {

using namespace mmt;
using mm::race_point;

namespace {

template <class P>
long fast_only(world<P>& w, vaddr a, std::uint64_t n, unsigned flags) {
    w.pages.assign(n, nullptr);
    return static_cast<long>(mm::fast_part(w.t.mm(), a, a + n * 4096, flags, w.pages.data(), nullptr));
}

}  // namespace

BOTH_PROFILES("fast: ptes and pmds in order, one unit per slot, the sub-page in the slot", "[fast]") {
    world<TestType> w;
    const vaddr a = w.map(4_MiB + 64_KiB, {.huge = true});
    for (std::uint64_t k = 0; k < 16; ++k) REQUIRE(w.t.store(a + 4_MiB + k * 4096, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(a + 2_MiB, 1) == mm::fault_result::ok);
    auto& phys = w.box.phys();
    for (const auto& [from, n] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{
             {0, 1}, {511, 1}, {511, 2}, {300, 700}, {0, 1040}, {1023, 10}}) {
        CHECK(fast_only(w, a + from * 4096, n, foll::pin | foll::write) == static_cast<long>(n));
        for (std::uint64_t k = 0; k < n; ++k) CHECK(w.pages[k] == w.page_at(a + (from + k) * 4096));
        w.audit();
        w.unpin(static_cast<long>(n));
    }
    (void)phys;
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_PROFILES("fast: stops before grabbing at a hole, a special entry, protection, missing write permission", "[fast]") {
    world<TestType> w;
    const vaddr a = w.map(8 * 4096);
    for (const std::uint64_t k : {0U, 1U, 3U, 4U}) REQUIRE(w.t.store(a + k * 4096, 1) == mm::fault_result::ok);
    const auto before = w.box.counters();
    CHECK(fast_only(w, a, 8, foll::pin) == 2);  // the hole at 2
    w.unpin(2);
    REQUIRE(w.t.load(a + 2 * 4096).value == 0);
    CHECK(fast_only(w, a, 8, foll::pin) == 2);  // the zero page
    w.unpin(2);
    REQUIRE(w.t.mprotect(a, 4096, mm::prot::read) == 0);
    CHECK(fast_only(w, a, 2, foll::pin | foll::write) == 0);
    CHECK(fast_only(w, a, 2, foll::pin) == 2);
    w.unpin(2);
    REQUIRE(w.t.mprotect(a, 4096, mm::prot::none) == 0);
    CHECK(fast_only(w, a, 2, foll::pin) == 0);
    const auto d = w.box.counters() - before;
    CHECK(d.acquired == 6);
    CHECK(d.released == 6);
    w.audit();
}

BOTH_PROFILES("fast: an overflowed head is left to the slow path, huge and small", "[fast]") {
    world<TestType> w;
    for (const bool huge : {false, true}) {
        const vaddr a = huge ? w.huge() : w.map(4096);
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        auto* head = w.page_at(a);
        for (const unsigned flag : {foll::get, foll::pin}) {
            w.box.warn().reset();
            head->count.set_raw(-5);
            CHECK(fast_only(w, a, 1, flag) == 0);
            CHECK(head->count.refs() == -5);
            CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
            head->count.set_raw(1);
        }
    }
    w.audit();
}

BOTH_PROFILES("fast: whatever removes the entry at any race point, the walk keeps what was mapped or nothing", "[fast]") {
    for (const bool huge : {false, true})
        for (const auto at : {race_point::before_walk, race_point::entry_read, race_point::head_resolved,
                              race_point::added, race_point::head_checked, race_point::entry_checked})
            for (const unsigned flag : {foll::get, foll::pin})
                for (int action = 0; action < 4; ++action) {
                    world<TestType> w;
                    const vaddr a = huge ? w.huge() : w.map(4096);
                    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
                    auto* old = w.page_at(a);
                    hooked::once(at, [&] {
                        if (action == 0) CHECK(w.t.munmap(a, huge ? 2_MiB : 4096) == 0);
                        if (action == 1) CHECK(w.t.madvise(a, huge ? 2_MiB : 4096, mm::advice::dontneed) == 0);
                        if (action == 2) CHECK(w.t.mprotect(a, huge ? 2_MiB : 4096, mm::prot::read) == 0);
                        if (action == 3) {  // free, and reuse the frames at once
                            CHECK(w.t.madvise(a, huge ? 2_MiB : 4096, mm::advice::dontneed) == 0);
                            CHECK(w.t.fault_in(w.map(4_MiB), 1024, true) == 1024);
                        }
                    });
                    const long n = fast_only(w, a, 1, flag | foll::write);
                    CHECK((n == 0 || n == 1));
                    if (n == 1) {
                        CHECK(w.pages[0] == old);  // the old mapping, never a third page
                        CHECK(at == race_point::entry_checked);
                    }
                    w.audit();
                    for (long i = 0; i < n; ++i) mm::ungrab(w.box.phys(), w.pages[0], 1, flag);
                    CHECK(w.box.counters().live() == 0);
                    w.audit();
                }
}

BOTH_PROFILES("fast: an undo may be the last release, and frees exactly once", "[fast]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    w.box.phys().lru_drain_all();
    const auto free = w.box.free_pages();
    hooked::once(race_point::head_checked, [&] { CHECK(w.t.madvise(a, 4096, mm::advice::dontneed) == 0); });
    CHECK(fast_only(w, a, 1, foll::pin | foll::write) == 0);
    CHECK(w.box.free_pages() == free + 1);
    CHECK(w.box.warn().total() == 0);
    w.audit();
}

BOTH_PROFILES("fast: splitting the entry under the walk makes it stop and undo on the head", "[fast]") {
    for (const auto at : {race_point::head_resolved, race_point::added, race_point::head_checked}) {
        world<TestType> w;
        const vaddr a = w.huge();
        hooked::once(at, [&] { w.split_entry(a); });
        CHECK(fast_only(w, a + 5 * 4096, 4, foll::pin | foll::write) == 0);
        CHECK(w.refs(a) == 512);
        for (std::uint64_t k = 1; k < 512; ++k) CHECK(w.box.phys().nth(w.page_at(a), k)->count.refs() == 0);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}

BOTH_PROFILES("fast: tables taken away during a walk are freed after it", "[fast]") {
    world<TestType> w;
    const vaddr a = w.map(4096, {.at = vaddr{1} << 44});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const auto tables = w.t.mm().tables.tables();
    hooked::once(race_point::entry_read, [&] {
        CHECK(w.t.munmap(a, 4096) == 0);
        CHECK(w.t.mm().tables.tables() == tables);  // unhooked, not freed: the section is open
        CHECK_FALSE(w.t.mm().tables.collect());
    });
    CHECK(fast_only(w, a, 1, foll::pin) == 0);
    CHECK(w.t.mm().tables.collect());
    CHECK(w.t.mm().tables.tables() == tables - 3);
    w.audit();
}

TEST_CASE("fast: linux_6_12 gives a pin back that overlapped a fork, and keeps a GET", "[fast]") {
    world<checked_6_12> w;
    const vaddr a = w.map(4 * 4096);
    REQUIRE(w.t.fault_in(a, 4, true) == 4);
    auto& seq = w.t.mm().write_protect_seq;
    seq.store(1);
    CHECK(fast_only(w, a, 4, foll::pin) == 0);
    CHECK(w.box.counters().acquired == 0);
    seq.store(2);
    hooked::once(race_point::after_walk, [&] { seq.store(4); });
    CHECK(fast_only(w, a, 4, foll::pin) == 0);
    CHECK(w.box.counters() == mm::pin_counters{4, 4});
    hooked::once(race_point::after_walk, [&] { seq.store(6); });
    CHECK(fast_only(w, a, 4, foll::get) == 4);
    w.put(4);
    w.audit();
}

TEST_CASE("fast: linux_6_12 backs off after grabbing where only the slow path can decide", "[fast]") {
    world<checked_6_12> w;
    // A page without a mapping: a driver's.
    auto* page = w.box.driver_page();
    const vaddr a = w.map(4096, {.shared = true, .kind = mm::map_kind::mixedmap});
    REQUIRE(w.t.insert_page(a, page) == 0);
    CHECK(w.pin(a, 1, foll::write) == 1);
    CHECK(w.box.counters() == mm::pin_counters{2, 1});
    w.unpin(1);
    CHECK(w.t.munmap(a, 4096) == 0);
    w.box.put_driver_page(page);
    // A long-term write pin of an ext4 page: refused by the slow path too.
    auto& f = w.box.create_file(mm::file_kind::ext4, 4096, mm::fill::pattern);
    const vaddr b = w.map(4096, {.shared = true, .source = &f});
    REQUIRE(w.t.store(b, 1) == mm::fault_result::ok);
    const auto before = w.box.counters();
    CHECK(w.pin(b, 1, foll::write | foll::longterm) == -err::efault);
    CHECK((w.box.counters() - before) == mm::pin_counters{1, 1});
    // A long-term read pin of a private file page: copied first.
    const vaddr c = w.map(4096, {.source = &f, .at = b + 1_GiB});
    REQUIRE(w.t.load(c).value == 1);
    const auto then = w.box.counters();
    CHECK(w.pin(c, 1, foll::longterm) == 1);
    CHECK((w.box.counters() - then) == mm::pin_counters{2, 1});
    CHECK(w.letters(c) == "Y");
    CHECK(w.flags(c) == "XB");
    w.unpin(1);
    w.audit();
}

/// The profile as it is delivered: without race points a row of entries may go by several at a time.
TEST_CASE("a row in which a grab is refused is held up to there, wherever in the row that is", "[fast]") {
    mm::options o;
    o.ram = std::uint64_t{32} << 20;
    mm::machine<mm::linux_6_12> box(o);
    box.warn().set_handler([](mm::warn_id, std::int64_t) noexcept {});
    auto& t = box.spawn();
    constexpr std::size_t n = 21;
    const vaddr a = *t.mmap(n * 4096, {});
    REQUIRE(t.fault_in(a, n, true) == n);
    box.phys().lru_drain_all();
    for (std::size_t k = 0; k < n; ++k) {
        auto* const full = t.inspect(a + k * 4096).page.page;
        full->count.set_raw(-5);
        std::vector<mm::frame<mm::linux_6_12>*> pages(n);
        const auto got = mm::fast_part<mm::linux_6_12>(t.mm(), a, a + n * 4096, foll::pin | foll::write, pages.data(), nullptr);
        full->count.set_raw(1);
        REQUIRE(got == k);
        for (std::size_t i = 0; i < n; ++i) {
            auto* const page = t.inspect(a + i * 4096).page.page;
            REQUIRE(page->count.refs() == (i < k ? 1025 : 1));
            if (i < k) REQUIRE(pages[i] == page);
        }
        t.unpin_user_pages({pages.data(), k});
        REQUIRE(box.counters().live() == 0);
    }
}

}  // namespace fast_tests
