// SPDX-License-Identifier: BSL-1.0
// Advice about what comes next, and the one page of the kernel's a process can read.
#include "file_box.hpp"
#include "sharing_box.hpp"

namespace advice_tests {

using namespace mmt;

BOTH_PROFILES("RANDOM and SEQUENTIAL are taken and change nothing a process sees", "[advice]") {
    world<TestType> w;
    const vaddr a = w.map(4 * one);
    REQUIRE(w.t.store(a, 7) == mm::fault_result::ok);
    const std::string before = w.letters(a);
    for (const auto what : {mm::advice::random, mm::advice::sequential, mm::advice::normal, mm::advice::willneed}) {
        CHECK(w.t.madvise(a, 4 * one, what) == 0);
        CHECK(w.t.madvise(a, 8 * one, what) == -err::enomem);  // a hole behind it
        CHECK(w.t.madvise(a + 1, one, what) == -err::einval);
    }
    CHECK(w.letters(a) == before);
    CHECK(w.t.inspect(a + one).map == mm::entry_kind::none);
    CHECK(w.t.load(a).value == 7);
    w.audit();
}

FILE_PROFILES("WILLNEED of a file reads the range in, up to its end, and maps nothing", "[advice]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.box.truncate(f, 6 * one) == 0);
    REQUIRE(w.cached_pages(f) == 0);
    CHECK(w.t.madvise(a + 2 * one, 6 * one, mm::advice::willneed) == 0);
    CHECK(w.cached_pages(f) == 4);
    CHECK(w.cached(f, 1) == nullptr);
    CHECK(w.cached(f, 5) != nullptr);
    CHECK(w.t.inspect(a + 2 * one).map == mm::entry_kind::none);
    CHECK(w.t.load(a + 2 * one).value == 3);
    w.audit();
}

FILE_PROFILES("WILLNEED of memory in a file fills no hole of it", "[advice]") {
    file_world<TestType> w;
    mm::file& f = w.make(mm::file_kind::memfd, 4 * one, mm::fill::sparse);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.store(a + one, 9) == mm::fault_result::ok);
    REQUIRE(w.t.madvise(a, 4 * one, mm::advice::pageout) == 0);
    REQUIRE(w.cached_pages(f) == 0);
    CHECK(w.t.madvise(a, 4 * one, mm::advice::willneed) == 0);
    CHECK(w.cached_pages(f) == 1);
    CHECK(w.cached(f, 1) != nullptr);
    CHECK(w.t.load(a + one).value == 9);
    w.audit();
}

BOTH_PROFILES("advice there is no word for is refused", "[advice]") {
    world<TestType> w;
    const vaddr a = w.map(4 * one);
    CHECK(w.t.madvise(a, 4 * one, static_cast<mm::advice>(99)) == -err::einval);
}

BOTH_PROFILES("FREE of a whole huge page cleans the folio, too", "[advice]") {
    world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    w.t.unpin_user_pages_dirty_lock(w.first(1), true);
    auto* const head = w.page_at(a);
    REQUIRE(head->is(mm::pg::dirty));
    REQUIRE(mm::try_lock_page(head));
    CHECK(w.t.madvise(a, 2_MiB, mm::advice::free) == 0);  // whoever has the lock may be writing it
    CHECK(head->is(mm::pg::dirty));
    CHECK(w.letters(a) == "WDY");
    mm::unlock_page(head);
    CHECK(w.t.madvise(a, 2_MiB, mm::advice::free) == 0);
    CHECK(w.letters(a) == "W");
    CHECK_FALSE(head->is(mm::pg::dirty));
    w.audit();
}

BOTH_PROFILES("WILLNEED of memory that is in swap brings it into the swap cache, for all who share it", "[advice]") {
    family<TestType> w;
    const vaddr a = w.written(4, 5);
    REQUIRE(w.page_out(a, 4) == 0);
    auto& child = w.fork();
    REQUIRE(w.map_of(a) == mm::entry_kind::swap);
    const mm::swap_slot slot = mm::slot_of(w.t.inspect(a).raw);
    REQUIRE_FALSE(w.box.phys().swap.with_cached(slot, [](mm::pfn) {}));
    CHECK(w.t.madvise(a, 4 * one, mm::advice::willneed) == 0);
    CHECK(w.box.phys().swap.with_cached(slot, [](mm::pfn) {}));
    CHECK(w.map_of(a) == mm::entry_kind::swap);
    w.audit();
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.byte(child, a) == 5);
    CHECK(w.page_at(a) == child.inspect(a).page.page);
    CHECK(w.t.munmap(a, 4 * one) == 0);
    w.box.exit(child);
    CHECK(w.box.phys().swap.used() == 0);  // what was read in for nobody went with the last entry
    w.audit();
}

BOTH_PROFILES("a process reads the gate page and may not write it", "[advice]") {
    world<TestType> w;
    constexpr vaddr gate = mm::gate_area::start;
    CHECK(w.t.load(gate).fault == mm::fault_result::ok);
    CHECK(w.t.touch(gate + one - 1, false) == mm::fault_result::ok);
    CHECK(w.t.store(gate, 1) == mm::fault_result::sigsegv);
    CHECK(w.t.load(gate + one).fault == mm::fault_result::sigsegv);
    auto without = small();
    without.has_gate = false;
    world<TestType> bare(without);
    CHECK(bare.t.load(gate).fault == mm::fault_result::sigsegv);
    w.audit();
}

BOTH_PROFILES("a hole of a memory file that is filled while its block collapses keeps what was stored there", "[advice]") {
    for (const bool goes_to_swap : {false, true}) {
        world<TestType> w;
        mm::file& f = w.box.create_file(mm::file_kind::tmpfs_huge, 2_MiB);
        const mm::mapping m{.shared = true, .kind = mm::map_kind::file, .source = &f, .huge = true};
        const vaddr a = w.map(2_MiB, m), hole = a + 5 * one;
        auto& other = w.box.spawn();
        const vaddr there = *other.mmap(2_MiB, m) + 5 * one;
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        REQUIRE(mm::split_range(w.t.mm(), a, a + one) != 0);
        REQUIRE(w.box.fallocate(f, mm::file_change::punch, 5 * one, one) == 0);
        REQUIRE(w.t.fault_in(a + 8 * one, 8, false) == 8);
        bool was_filled = false;
        hooked::once(mm::race_point::unmapped, [&] {
            was_filled = other.store(there, 77) == mm::fault_result::ok;
            if (goes_to_swap) (void)other.madvise(there, one, mm::advice::pageout);
        });
        CHECK(mm::khugepaged_scan(w.t.mm()) == 0);
        REQUIRE(was_filled);
        CHECK(w.t.load(hole).value == 77);
        CHECK(other.load(there).value == 77);
        w.audit();
        CHECK(mm::khugepaged_scan(w.t.mm()) == 1);  // nobody fills anything now
        CHECK(w.t.load(hole).value == 77);
        CHECK(w.box.truncate(f, 0) == 0);
        w.audit();
    }
}

}  // namespace advice_tests
