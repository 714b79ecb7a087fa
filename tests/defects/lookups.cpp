// SPDX-License-Identifier: BSL-1.0
// Lookups end, count by flags and write what they count (DEF-05 to DEF-10).
#include "as_posted.hpp"

using namespace mmt;

// ---- DEF-05 --------------------------------------------------------------------------------------------------
AS_POSTED("DEF-05 as posted: the architecture's page is thrown away, and whoever wants no count asks for ever", "[defects]") {
    world<TestType> w;
    const vaddr a = written(w);
    const patience<TestType> patient(w);
    asked_architecture::owned = a;
    asked_architecture::page = w.page_at(a);
    const during fault(posted::on, def::d05);
    CHECK(pass(w, a, 1, foll::touch) == -TestType::signal_error);  // only a fatal signal ends it
    CHECK(patient.lost());
}

AS_POSTED("DEF-05: the architecture's page is an answer, and an error to who counts; one WARN", "[defects]") {
    world<TestType> w;
    const vaddr a = written(w);
    const patience<TestType> patient(w);
    asked_architecture::owned = a;
    asked_architecture::page = w.page_at(a);
    CHECK(pass(w, a, 1, foll::touch) == 1);
    CHECK(w.box.warn().total() == 0);
    CHECK(w.pin_slow(a, 1) == -err::efault);
    CHECK(w.pin_slow(a, 1) == -err::efault);
    CHECK(w.box.warn().hits(mm::warn_id::huge_addr_get_pin) == 2);
    CHECK_FALSE(patient.lost());
    CHECK(w.refs(a) == 1);
    w.audit();
}

// ---- DEF-06 --------------------------------------------------------------------------------------------------
AS_POSTED("DEF-06 as posted: NULL for a refused huge grab livelocks, with one report", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    auto* head = w.page_at(a);
    head->count.set_raw(-5);
    static int reports = 0;
    reports = 0;
    w.box.warn().set_handler([](mm::warn_id id, std::int64_t) noexcept { reports += id == mm::warn_id::grab_negative; });
    const during fault(TestType::refused_huge, 0);
    const patience<TestType> patient(w);
    CHECK(w.pin_slow(a, 1, foll::write) == -TestType::signal_error);
    CHECK(patient.lost());
    CHECK(reports == 1);
    CHECK(head->count.refs() == -5);
    head->count.set_raw(1);
}

BOTH_PROFILES("DEF-06: a refused huge grab ends the call, with one report per site", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    auto* head = w.page_at(a);
    head->count.set_raw(-5);
    CHECK(w.pin_slow(a, 4, foll::write) == -pick<TestType>(err::efault, err::enomem));
    CHECK(w.pin(a, 4, foll::write) == -pick<TestType>(err::efault, err::enomem));
    CHECK(head->count.refs() == -5);
    CHECK(w.box.warn().reported(mm::warn_id::grab_negative));
    CHECK(w.box.warn().reported(mm::warn_id::pmd_trans_huge_grab) == is_2019<TestType>);
    head->count.set_raw(1);
    // With pages before it: those, and no error.
    const vaddr b = w.map(mm::page_size, {.at = a - mm::page_size});
    REQUIRE(w.t.store(b, 1) == mm::fault_result::ok);
    head->count.set_raw(-5);
    CHECK(w.pin_slow(b, 4, foll::write) == 1);
    head->count.set_raw(1);
    w.unpin(1);
    w.audit();
}

// ---- DEF-07 --------------------------------------------------------------------------------------------------
namespace {

/// A mixedmap of a driver's page, memory without a descriptor, and a driver's page again.
template <class P>
struct mixed {
    world<P> w;
    frame<P>* page = w.box.driver_page();
    vaddr a = w.map(3 * mm::page_size, {.shared = true, .kind = mm::map_kind::mixedmap});
    std::vector<frame<P>*> pages{3, poison()};

    mixed() {
        REQUIRE(w.t.insert_page(a, page) == 0);
        REQUIRE(w.t.insert_pfn(a + mm::page_size, w.box.device_frames(1)) == 0);
        REQUIRE(w.t.insert_page(a + 2 * mm::page_size, page) == 0);
    }
    static frame<P>* poison() { return reinterpret_cast<frame<P>*>(std::uintptr_t{0x10}); }
    void done() {
        CHECK(w.t.munmap(a, 3 * mm::page_size) == 0);
        w.box.put_driver_page(page);
        w.audit();
    }
};

}  // namespace

AS_POSTED("DEF-07 as posted: a pinned entry without a descriptor is a slot counted and never written", "[defects]") {
    mixed<TestType> m;
    {
        const during fault(posted::on, def::d07);
        if constexpr (is_2019<TestType>) as_posted_2019::pfn_refuses_in_place = false;
        CHECK(m.w.t.pin_user_pages(m.a, 3, foll::write, m.pages) == 3);
        as_posted_2019::pfn_refuses_in_place = true;
    }
    CHECK(m.pages[0] == m.page);
    CHECK(m.pages[1] == m.poison());  // what the release would dereference
    CHECK(m.pages[2] == m.page);
    m.w.t.unpin_user_page(m.pages[0]);
    m.w.t.unpin_user_page(m.pages[2]);
    m.done();
}

BOTH_PROFILES("DEF-07: no slot is counted that was not written", "[defects]") {
    mixed<TestType> m;
    for (const bool fast_entry : {true, false}) {
        m.pages.assign(3, m.poison());
        const long got = fast_entry ? m.w.t.pin_user_pages_fast(m.a, 3, foll::write, m.pages)
                                    : m.w.t.pin_user_pages(m.a, 3, foll::write, m.pages);
        CHECK(got == 1);
        CHECK(m.pages[0] == m.page);
        CHECK(m.pages[1] == m.poison());
        m.w.t.unpin_user_page(m.page);
        CHECK(m.w.pin_slow(m.a + mm::page_size, 1, foll::write) == (is_2019<TestType> ? -err::efault : -err::eexist));
    }
    m.done();
}

// ---- DEF-08 --------------------------------------------------------------------------------------------------
TEST_CASE("DEF-08 as posted: a pin through a hugepd is not counted, and its release underflows", "[defects]") {
    using P = as_posted_2019;
    for (const bool faulty : {true, false}) {  // and without the fault: counted
        huge_world<P> w(with_pools(0, 0, 2));
        const vaddr a = w.map_huge(1, true, odd_order);
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
        auto* head = w.head_at(a);
        REQUIRE(head->count.refs() == 2);  // its entry and the page cache
        const during fault(posted::on, faulty ? def::d08 : def::none);
        const auto got = look(w, a + 7 * mm::page_size, foll::pin);
        REQUIRE(got.page == w.box.phys().nth(head, 7));
        CHECK(head->count.refs() == (faulty ? 2 : 1026));
        CHECK(look(w, a, foll::get).page == head);
        CHECK(head->count.refs() == (faulty ? 3 : 1027));
        const violations told;
        w.t.put_page(head);
        w.t.put_user_page(got.page);
        CHECK(told.seen == (faulty && violations::checked ? 1 : 0));
        CHECK(head->count.refs() == (faulty ? -1022 : 2));
        head->count.set_raw(2);
    }
}

// ---- DEF-09 --------------------------------------------------------------------------------------------------
AS_POSTED("DEF-09 as posted: an array without a flag is filled with pages nobody counted", "[defects]") {
    huge_world<TestType> w(with_pools(2));
    for (const bool faulty : {true, false}) {
        const vaddr a = w.map_huge();
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
        frame<TestType>* pages[2] = {};
        const violations told;
        const during fault(posted::on, faulty ? def::d09 : def::none);
        CHECK(pass(w, a, 2, foll::touch, pages) == 2);
        CHECK(pages[1] != nullptr);
        CHECK(w.refs(a) == 1);
        CHECK(told.seen == (faulty || !violations::checked ? 0 : 1));  // never in silence
    }
}

BOTH_PROFILES("DEF-09: an array without a flag is a broken precondition of the loop, whatever is mapped", "[defects]") {
    huge_world<TestType> w(with_pools(2));
    for (const vaddr a : {w.map_huge(), w.huge(), written(w)}) {
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
        frame<TestType>* pages[1] = {};
        const violations told;
        (void)pass(w, a, 1, foll::touch, pages);
        CHECK(told.seen == (violations::checked ? 1 : 0));
        (void)pass(w, a, 1, foll::touch | foll::pin);  // nor a flag without an array
        CHECK(told.seen == (violations::checked ? 2 : 0));
    }
}

TEST_CASE("DEF-09: a refusal in the middle of a hugetlb range: k pages, all counted, one WARN, lock released", "[defects]") {
    huge_world<checked_2019> w(with_pools(2));
    const vaddr a = w.map_huge();
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    auto* head = w.head_at(a);
    for (const std::int32_t k : {1, 3, 7}) {
        const std::int32_t before = 2147483647 - 1024 * (k - 1);
        head->count.set_raw(before);
        w.box.warn().reset();
        REQUIRE(w.pin_slow(a, 16, foll::write) == k);
        CHECK(w.box.warn().hits(mm::warn_id::hugetlb_range_grab) == 1);
        for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(k); ++i) CHECK(w.pages[i] == w.box.phys().nth(head, i));
        CHECK(w.box.counters().live() == k);
        CHECK(w.t.mm().mmap_lock.try_lock());
        w.t.mm().mmap_lock.unlock();
        w.unpin(k);
        CHECK(head->count.refs() == before);
    }
    head->count.set_raw(1);
    w.audit();
}

// ---- DEF-10 --------------------------------------------------------------------------------------------------
AS_POSTED("DEF-10 as posted: the gate page is referenced for a pin, and the release of the pin underflows", "[defects]") {
    world<TestType> w;
    for (const bool faulty : {true, false}) {
        auto* page = w.box.driver_page();
        w.box.phys().gate.open(w.box.phys().number(page));
        const during fault(posted::on, faulty ? def::d10 : def::none);
        REQUIRE(w.pin_slow(mm::gate_area::start, 1) == 1);
        CHECK(w.pages[0] == page);
        CHECK(page->count.refs() == (faulty ? 2 : 1025));
        const violations told;
        w.unpin(1);
        CHECK(told.seen == (faulty && violations::checked ? 1 : 0));
        CHECK(page->count.refs() == (faulty ? 2 - 1024 : 1));
        page->count.set_raw(1);
        w.box.phys().gate.slot.set({});
    }
}

BOTH_PROFILES("DEF-10: a page of the gate area is counted by flags", "[defects]") {
    world<TestType> w;
    auto* page = w.box.driver_page();
    w.box.phys().gate.open(w.box.phys().number(page));
    std::vector<frame<TestType>*> pages(1);
    REQUIRE(w.t.pin_user_pages(mm::gate_area::start, 1, 0, pages) == 1);
    CHECK(page->count.refs() == 1025);
    w.t.unpin_user_page(page);
    REQUIRE(w.t.get_user_pages(mm::gate_area::start, 1, 0, pages) == 1);
    CHECK(page->count.refs() == 2);
    w.t.put_page(page);
    CHECK(page->count.refs() == 1);
    w.audit();
    w.box.phys().gate.slot.set({});
    w.box.put_driver_page(page);
    w.audit();
}
