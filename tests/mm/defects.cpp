// SPDX-License-Identifier: BSL-1.0
// The defects of the posted patch and of the modern code, with their numbers (spec 08): the product shows none.
#include "box.hpp"

using namespace mmt;
using mm::race_point;

namespace {

template <class P>
std::uint64_t fast(world<P>& w, vaddr a, std::uint64_t n, unsigned flags) {
    w.pages.assign(n, nullptr);
    return mm::fast_part(w.t.mm(), a, a + n * 4096, flags, w.pages.data(), nullptr);
}

}  // namespace

BOTH_PROFILES("DEF-01: a changed pte undoes the unit it took", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* page = w.page_at(a);
    hooked::once(race_point::head_checked, [&] {
        CHECK(page->count.raw() == 1025);
        CHECK(w.t.mprotect(a, 4096, mm::prot::read) == 0);
    });
    CHECK(fast(w, a, 1, foll::pin | foll::write) == 0);
    CHECK(page->count.raw() == 1);
    CHECK(w.box.counters() == mm::pin_counters{1, 1});  // DEF-22
}

BOTH_PROFILES("DEF-02: a pte of a huge page: the head is counted, the sub-page returned", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    CHECK(fast(w, a + 3 * 4096, 1, foll::pin | foll::write) == 1);
    CHECK(w.box.phys().index_in_folio(w.pages[0]) == 3);
    CHECK(w.refs(a) == pick<TestType>(1536, 513));
    CHECK(w.pages[0]->count.raw() == 0);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("DEF-03: as many units as slots in the huge fast path", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    CHECK(fast(w, a, 2, foll::pin | foll::write) == 2);
    auto* head = w.page_at(a);
    CHECK(head->count.raw() == pick<TestType>(2049, 3));
    w.t.unpin_user_page(w.pages[0]);
    CHECK(w.t.munmap(a, 2_MiB) == 0);
    CHECK(head->count.raw() == pick<TestType>(1024, 1));  // still held by the second pin
    CHECK_FALSE(head->is(mm::pg::buddy));
    w.audit();
    w.t.unpin_user_page(w.pages[1]);
    CHECK(head->is(mm::pg::buddy));
    w.audit();
}

BOTH_PROFILES("DEF-04: the huge undo removes from the head what was added to it", "[defects]") {
    for (const auto& [first, refs] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{{0, 512}, {5, 4}}) {
        world<TestType> w;
        const vaddr a = w.huge();
        auto* head = w.page_at(a);
        hooked::once(race_point::head_checked, [&, n = refs] {
            CHECK(head->count.raw() == 1 + static_cast<std::int32_t>(n) * pick<TestType>(1024, 1));
            CHECK(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0);
        });
        CHECK(fast(w, a + first * 4096, refs, foll::pin | foll::write) == 0);
        CHECK(head->count.raw() == 1);
        for (std::uint64_t k = 1; k < 512; ++k) REQUIRE(w.box.phys().nth(head, k)->count.raw() == 0);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}

BOTH_PROFILES("DEF-06: a refused huge grab ends the call, with one report per site", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    auto* head = w.page_at(a);
    head->count.set_raw(-5);
    CHECK(w.pin_slow(a, 4, foll::write) == -pick<TestType>(err::efault, err::enomem));
    CHECK(w.pin(a, 4, foll::write) == -pick<TestType>(err::efault, err::enomem));
    CHECK(head->count.raw() == -5);
    CHECK(w.box.warn().reported(mm::warn_id::grab_negative));
    CHECK(w.box.warn().reported(mm::warn_id::pmd_trans_huge_grab) == is_2019<TestType>);
    head->count.set_raw(1);
    // With pages before it: those, and no error.
    const vaddr b = w.map(4096, {.at = a - 4096});
    REQUIRE(w.t.store(b, 1) == mm::fault_result::ok);
    head->count.set_raw(-5);
    CHECK(w.pin_slow(b, 4, foll::write) == 1);
    head->count.set_raw(1);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("DEF-07: no slot is counted that was not written", "[defects]") {
    world<TestType> w;
    auto* page = w.box.driver_page();
    const vaddr a = w.map(4 * 4096, {.shared = true, .kind = mm::map_kind::mixedmap});
    REQUIRE(w.t.insert_page(a, page) == 0);
    REQUIRE(w.t.insert_pfn(a + 4096, w.box.device_frames(1)) == 0);
    auto* const poison = reinterpret_cast<frame<TestType>*>(std::uintptr_t{0x10});
    for (const bool fast_entry : {true, false}) {
        std::vector<frame<TestType>*> pages(4, poison);
        const long got = fast_entry ? w.t.pin_user_pages_fast(a, 4, foll::write, pages)
                                    : w.t.pin_user_pages(a, 4, foll::write, pages);
        CHECK(got == 1);
        CHECK(pages[0] == page);
        CHECK(pages[1] == poison);
        w.t.unpin_user_page(page);
        CHECK(w.pin_slow(a + 4096, 1, foll::write) == (is_2019<TestType> ? -err::efault : -err::eexist));
    }
    CHECK(w.t.munmap(a, 4 * 4096) == 0);
    w.box.put_driver_page(page);
    w.audit();
}

TEST_CASE("DEF-11: a release is counted before it can free", "[defects]") {
    world<checked_2019> w;
    const vaddr a = w.map(4096);
    CHECK(w.pin(a, 1, foll::write) == 1);
    w.box.phys().lru_drain_all();
    CHECK(w.t.munmap(a, 4096) == 0);
    static mm::machine<checked_2019>* box = nullptr;
    static std::int64_t seen = -1;
    box = &w.box;
    // The frame is made unfit for freeing, so that the free path reports while it runs.
    w.pages[0]->mapcount.store(7);
    w.box.warn().set_handler([](mm::warn_id id, std::int64_t) noexcept {
        if (id == mm::warn_id::bad_page) seen = box->counters().released;
    });
    w.t.put_user_page(w.pages[0]);
    CHECK(seen == 1);
}

BOTH_PROFILES("DEF-14: the head changes between resolve and add: undone, and tried anew", "[defects]") {
    for (const unsigned flag : {foll::get, foll::pin}) {
        world<TestType> w;
        const vaddr a = w.huge();
        w.split_entry(a);
        auto& phys = w.box.phys();
        auto* head = w.page_at(a);
        auto* tail = phys.nth(head, 9);
        // Another actor makes the tail a page of its own, as a split would.
        hooked::once(race_point::head_resolved, [&] {
            tail->count.init(1);
            tail->link.store(0);
        });
        const auto before = head->count.raw();
        auto* got = mm::grab_speculative(phys, tail, 1, flag);
        CHECK(got == tail);
        CHECK(head->count.raw() == before);
        CHECK(tail->count.raw() == 1 + (flag == foll::get ? 1 : 1024));
        CHECK(w.box.counters().live() == (flag == foll::pin ? 1 : 0));
        mm::ungrab(phys, tail, 1, flag);
        tail->count.set_raw(0);
        tail->link.store(reinterpret_cast<std::intptr_t>(head) | 1);
        w.audit();
    }
}

BOTH_PROFILES("DEF-15: a pmd that changes under the pte walk ends it", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(2_MiB, {.at = vaddr{1} << 40});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const auto pmd = w.t.mm().tables.find(a, mm::level::pmd);
    const mm::entry table = pmd.slot->read();
    // Collapse clears the pmd and leaves the ptes in the old table as they were.
    hooked::once(race_point::head_checked, [&] { pmd.slot->set(mm::entry{}); });
    CHECK(fast(w, a, 1, foll::pin | foll::write) == 0);
    pmd.slot->set(table);
    CHECK(w.refs(a) == 1);
    CHECK(w.box.counters() == mm::pin_counters{1, 1});
    w.audit();
}

TEST_CASE("DEF-17: 4096 full pins of a huge page overflow the overlay, are refused, and come back", "[defects]") {
    for (const bool fast_entry : {true, false}) {
        world<checked_2019> w;
        const vaddr a = w.huge();
        auto* head = w.page_at(a);
        std::vector<frame<checked_2019>*> pages(512);
        const auto pin = [&] {
            return fast_entry ? w.t.pin_user_pages_fast(a, 512, foll::write, pages)
                              : w.t.pin_user_pages(a, 512, foll::write, pages);
        };
        for (int i = 0; i < 4095; ++i) REQUIRE(pin() == 512);
        CHECK(head->count.raw() == 2146959361);
        REQUIRE(pin() == 512);
        CHECK(head->count.raw() == -2147483647);
        CHECK(static_cast<bool>(mm::physical<checked_2019>::ops::maybe_pinned(head)));
        CHECK(w.box.warn().total() == 0);
        CHECK(fast(w, a, 512, foll::pin | foll::write) == 0);
        CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
        CHECK(pin() == -err::efault);
        CHECK(head->count.raw() == -2147483647);
        CHECK(static_cast<bool>(mm::physical<checked_2019>::ops::maybe_pinned(head)));
        w.audit();
        for (int i = 0; i < 4096; ++i) w.t.put_user_pages(pages);
        CHECK(head->count.raw() == 1);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}

TEST_CASE("DEF-17: with the exact count the same history is refused nothing", "[defects]") {
    world<checked_6_12> w;
    const vaddr a = w.huge();
    for (int i = 0; i < 4096; ++i) REQUIRE(w.pin(a, 512, foll::write) == 512);
    CHECK(w.refs(a) == 2097153);
    CHECK(*w.t.inspect(a).page.pins == 2097152);
    for (int i = 0; i < 4096; ++i) w.unpin(512);
    CHECK(w.refs(a) == 1);
    CHECK(w.box.warn().total() == 0);
    w.audit();
}

BOTH_PROFILES("DEF-18: a batch whose units do not fit is refused whole", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* page = w.page_at(a);
    for (const std::uint64_t n : {std::uint64_t{1} << 21, std::uint64_t{1} << 22, std::uint64_t{1} << 27}) {
        w.box.warn().reset();
        CHECK(mm::grab_speculative(w.box.phys(), page, n, foll::pin) == nullptr);
        CHECK(w.box.warn().hits(mm::warn_id::grab_batch) == 1);
        CHECK(page->count.raw() == 1);
    }
    CHECK(mm::grab_speculative(w.box.phys(), page, (1 << 21) - 1, foll::pin) == page);
    mm::ungrab(w.box.phys(), page, (1 << 21) - 1, foll::pin);
    w.audit();
}

BOTH_PROFILES("a batch grab without a flag is a bug of the caller: one WARN, nothing", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    CHECK(mm::grab_speculative(w.box.phys(), w.page_at(a), 1, 0) == nullptr);
    CHECK(w.box.warn().hits(mm::warn_id::grab_noflag) == 1);
}

TEST_CASE("DEF-20: pins of the zero page cannot exhaust it where it is exempt", "[defects]") {
    world<checked_6_12> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.load(a).value == 0);
    for (int i = 0; i < 10000; ++i) REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.box.counters() == mm::pin_counters{});
    world<checked_2019> old;
    const vaddr b = old.map(4096);
    REQUIRE(old.t.load(b).value == 0);
    auto* zero = old.box.phys().zero_page();
    const auto before = zero->count.raw();
    zero->count.set_raw(1 + 1024 * 2097151 - 1024);  // two short of the limit
    CHECK(old.pin(b, 1) == 1);
    CHECK(old.pin(b, 1) == 1);                         // the crossing add
    CHECK(old.pin(b, 1) == -err::enomem);              // the whole machine is out of zero-page pins
    zero->count.set_raw(before);
}

TEST_CASE("DEF-M1: an added pin is not counted as acquired, its release is", "[defects]") {
    world<checked_6_12> w;
    const vaddr a = w.map(4096);
    CHECK(w.pin(a, 1, foll::write) == 1);
    w.t.folio_add_pin(w.pages[0]);
    CHECK(w.refs(a) == 2049);
    CHECK(w.box.counters() == mm::pin_counters{1, 0});
    w.audit();
    w.unpin(1);
    w.unpin(1);
    CHECK(w.box.counters().live() == -1);
    CHECK(w.refs(a) == 1);
    w.audit();
    w.t.folio_add_pin(w.page_at(a));
    CHECK(w.box.warn().hits(mm::warn_id::add_pin_unpinned) == 1);
    w.t.unpin_user_page(w.page_at(a));
}

TEST_CASE("DEF-M3: slow pins answer 0 to invalid arguments in linux_6_12, fast ones -EINVAL", "[defects]") {
    world<checked_6_12> w;
    const vaddr a = w.map(4096);
    CHECK(w.pin_slow(a, 1, foll::get) == 0);
    CHECK(w.pin(a, 1, foll::get) == -err::einval);
    world<checked_2019> old;
    CHECK(old.pin_slow(old.map(4096), 1, foll::get) == -err::einval);
}
