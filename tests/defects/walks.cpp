// SPDX-License-Identifier: BSL-1.0
// Lookups that end, slots that are written and counted, walks that stop (DEF-05 to -10, -12, -15, -M2, -M4, -M6).
#include "as_posted.hpp"

using namespace mmt;
using mm::race_point;

namespace {

/// One pass of the slow loop, as populate and others call it.
template <class P>
long pass(world<P>& w, vaddr a, std::uint64_t n, unsigned flags, frame<P>** pages = nullptr) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::slow_pass<P>(w.t.mm(), a, n, flags, {pages, nullptr, nullptr}, nullptr);
}

template <class P>
mm::lookup<P> look(world<P>& w, vaddr a, unsigned flags) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::follow_page_mask(w.t.mm(), *w.t.mm().find(a), a, flags);
}

}  // namespace

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
    CHECK(head->count.raw() == -5);
    head->count.set_raw(1);
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
        REQUIRE(head->count.raw() == 2);  // its entry and the page cache
        const during fault(posted::on, faulty ? def::d08 : def::none);
        const auto got = look(w, a + 7 * mm::page_size, foll::pin);
        REQUIRE(got.page == w.box.phys().nth(head, 7));
        CHECK(head->count.raw() == (faulty ? 2 : 1026));
        CHECK(look(w, a, foll::get).page == head);
        CHECK(head->count.raw() == (faulty ? 3 : 1027));
        const violations told;
        w.t.put_page(head);
        w.t.put_user_page(got.page);
        CHECK(told.seen == (faulty && violations::checked ? 1 : 0));
        CHECK(head->count.raw() == (faulty ? -1022 : 2));
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
        if (a == 0) break;
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
        CHECK(head->count.raw() == before);
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
        CHECK(page->count.raw() == (faulty ? 2 : 1025));
        const violations told;
        w.unpin(1);
        CHECK(told.seen == (faulty && violations::checked ? 1 : 0));
        CHECK(page->count.raw() == (faulty ? 2 - 1024 : 1));
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
    CHECK(page->count.raw() == 1025);
    w.t.unpin_user_page(page);
    REQUIRE(w.t.get_user_pages(mm::gate_area::start, 1, 0, pages) == 1);
    CHECK(page->count.raw() == 2);
    w.t.put_page(page);
    CHECK(page->count.raw() == 1);
    w.audit();
    w.box.phys().gate.slot.set({});
    w.box.put_driver_page(page);
    w.audit();
}

// ---- DEF-12 --------------------------------------------------------------------------------------------------
namespace {

/// Four DAX pages under one huge entry, the third overflowed; a fast pin of all four.
template <class P>
struct refused_device {
    device_world<P> w;
    mm::file& f = w.dax_file(512);
    vaddr a = w.map_file(f);
    mm::dev_pagemap<P>* device = nullptr;
    frame<P>* third = nullptr;
    std::int64_t before = 0;

    refused_device() {
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
        REQUIRE(w.t.inspect(a).at == mm::level::pmd);
        third = w.page_at(a + 2 * mm::page_size);
        device = w.phys().pagemaps.find(w.phys().number(third));
        before = device->references();
        for (std::uint64_t k = 0; k < 4; ++k) w.page_at(a + k * mm::page_size)->clear(mm::pg::referenced);
        third->count.set_raw(-3);
        CHECK(fast(w, a, 4, foll::pin | foll::write) == 0);
        third->count.set_raw(1);
        CHECK(w.refs(a) == 1);
        CHECK(w.refs(a + mm::page_size) == 1);
        CHECK(w.warned(mm::warn_id::devmap_fast_late_fail));
    }
};

}  // namespace

AS_POSTED("DEF-12 as posted: a refused device page keeps the device for ever, and its own mark", "[defects]") {
    const during fault(posted::on, def::d12);
    refused_device<TestType> d;
    CHECK(d.device->references() == d.before + 1);  // removal would wait for it
    CHECK(d.third->is(mm::pg::referenced));
    d.device->put();
}

BOTH_PROFILES("DEF-12: a refused device page leaves the pagemap's references and no mark behind", "[defects]") {
    refused_device<TestType> d;
    CHECK(d.device->references() == d.before);
    for (std::uint64_t k = 0; k < 4; ++k) CHECK_FALSE(d.w.page_at(d.a + k * mm::page_size)->is(mm::pg::referenced));
    CHECK(d.w.box.counters() == mm::pin_counters{2, 2});  // DEF-22
    d.w.audit();
}

// ---- DEF-15 --------------------------------------------------------------------------------------------------
namespace {

/// Collapse clears the pmd at RP-4 and leaves the ptes in the old table as they were. Returns: pages pinned.
template <class P>
std::uint64_t pin_under_collapse(world<P>& w, vaddr& a) {
    a = w.map(2_MiB, {.at = vaddr{1} << 40});
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const auto pmd = w.t.mm().tables.find(a, mm::level::pmd);
    const mm::entry table = pmd.slot->read();
    hooked::once(race_point::head_checked, [&] { pmd.slot->set(mm::entry{}); });
    const std::uint64_t n = fast(w, a, 1, foll::pin | foll::write);
    pmd.slot->set(table);
    return n;
}

}  // namespace

AS_POSTED("DEF-15 as posted: a page that is being copied into a huge one is pinned", "[defects]") {
    world<TestType> w;
    vaddr a = 0;
    const during fault(posted::on, def::d15);
    CHECK(pin_under_collapse(w, a) == 1);
    CHECK(w.refs(a) == 1025);  // the device writes to the old page
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("DEF-15: a pmd that changes under the pte walk ends it", "[defects]") {
    world<TestType> w;
    vaddr a = 0;
    CHECK(pin_under_collapse(w, a) == 0);
    CHECK(w.refs(a) == 1);
    CHECK(w.box.counters() == mm::pin_counters{1, 1});
    w.audit();
}

// ---- DEF-M2 --------------------------------------------------------------------------------------------------
namespace {

/// The range loop in its do-while form: it serves an entry before it compares.
template <class P>
std::uint64_t do_while_walk(world<P>& w, vaddr a, vaddr end, frame<P>** pages, std::uint64_t room) {
    std::uint64_t nr = 0;
    do {
        auto* slot = w.t.mm().tables.find(a, mm::level::pte).slot;
        const mm::entry e = slot->read();
        if (!e.is_leaf()) break;
        if (!mm::grab_speculative(w.box.phys(), w.box.phys().at(e.number()), 1, foll::pin)) break;
        pages[nr++] = w.box.phys().at(e.number());
    } while (a += mm::page_size, a != end && nr < room);
    return nr;
}

}  // namespace

BOTH_PROFILES("DEF-M2 as written: a do-while walk asked for nothing runs past the request", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(8 * mm::page_size);
    REQUIRE(w.t.fault_in(a, 4, true) == 4);
    frame<TestType>* pages[8] = {};
    CHECK(do_while_walk(w, a, a + 2 * mm::page_size, pages, 8) == 2);  // right when there is something to do
    for (auto* p : {pages[0], pages[1]}) w.t.unpin_user_page(p);
    REQUIRE(do_while_walk(w, a, a, pages, 8) == 4);  // up to the hole, slots the caller never gave
    for (std::size_t k = 0; k < 4; ++k) w.t.unpin_user_page(pages[k]);
    w.audit();
}

BOTH_PROFILES("DEF-M2: nothing asked, nothing walked, by every entry", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(8 * mm::page_size);
    REQUIRE(w.t.fault_in(a, 4, true) == 4);
    frame<TestType>* pages[1] = {};
    int steps = 0;
    for (const auto p : {race_point::before_walk, race_point::entry_read}) hooked::once(p, [&] { ++steps; });
    CHECK(mm::fast_part(w.t.mm(), a, a, foll::pin, pages, nullptr) == 0);
    CHECK(w.t.pin_user_pages_fast(a, 0, 0, pages) == 0);
    CHECK(w.t.get_user_pages_fast(a, 0, 0, pages) == 0);
    CHECK(w.t.get_user_pages_fast_only(a, 0, 0, pages) == 0);
    CHECK(w.t.pin_user_pages(a, 0, 0, pages) == 0);
    CHECK(steps == 0);
    CHECK(pages[0] == nullptr);
    CHECK(w.box.counters() == mm::pin_counters{});
    w.audit();
}

// ---- DEF-M4 --------------------------------------------------------------------------------------------------
TEST_CASE("DEF-M4: the rest of a mapping unit is refused: the first unit goes back, -EFAULT or a short count", "[defects]") {
    using P = as_posted_6_12;
    world<P> w;
    const vaddr huge = w.huge();
    const vaddr small = w.map(2 * mm::page_size, {.at = huge - 2 * mm::page_size});
    REQUIRE(w.t.fault_in(small, 2, true) == 2);
    CHECK(w.pin_slow(small, 10, foll::write) == 10);  // without the injected refusal
    w.unpin(10);
    const auto before = w.box.counters();
    const during refusal(posted::on, def::m4);
    CHECK(w.pin_slow(huge, 8, foll::write) == -err::efault);
    CHECK(w.refs(huge) == 1);
    CHECK((w.box.counters() - before) == mm::pin_counters{1, 1});
    CHECK(w.pin_slow(small, 10, foll::write) == 2);
    CHECK(w.refs(huge) == 1);
    CHECK(w.box.counters().live() == 2);
    w.unpin(2);
    CHECK(w.pin_slow(huge, 1, foll::write) == 1);  // a single page has no rest
    w.unpin(1);
    w.audit();
}

TEST_CASE("DEF-M4: by a real overflow: the first unit is the crossing one, the rest is refused", "[defects]") {
    world<checked_6_12> w;
    const vaddr a = w.huge();
    auto* head = w.page_at(a);
    head->count.set_raw(2147483647);
    for (const unsigned how : {foll::get, foll::pin}) {
        w.box.warn().reset();
        std::vector<frame<checked_6_12>*> pages(4);
        const long n = how == foll::pin ? w.t.pin_user_pages(a, 4, foll::write, pages) : w.t.get_user_pages(a, 4, foll::write, pages);
        CHECK(n == -err::efault);
        CHECK(head->count.raw() == 2147483647);
        CHECK(head->count.pins() == 0);
        CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
        CHECK(w.box.counters().live() == 0);
    }
    head->count.set_raw(1);
    w.audit();
}

// ---- DEF-M6 --------------------------------------------------------------------------------------------------
namespace {

/// The last page of one table, which cannot be made accessible, and the first page of the next. Returns: slots
/// filled by a fast pin of both.
template <class P>
std::uint64_t pin_sealed(world<P>& w, frame<P>*& sealed, frame<P>*& behind) {
    const vaddr border = (vaddr{1} << 40) + 2_MiB;
    const vaddr a = w.map(2 * mm::page_size, {.at = border - mm::page_size});
    REQUIRE(w.t.fault_in(a, 2, true) == 2);
    sealed = w.page_at(a);
    behind = w.page_at(border);
    guarded_memory::sealed = sealed;
    const std::uint64_t n = fast(w, a, 2, foll::pin | foll::write);
    CHECK(w.pin_slow(a, 2, foll::write) == -err::eacces);  // the slow path tells why
    CHECK(w.get(a, 1) == 1);                               // a reference is not for a device
    w.put(1);
    guarded_memory::sealed = nullptr;
    return n;
}

}  // namespace

AS_POSTED("DEF-M6 as written: the walk goes on behind a folio that is refused, into its slot", "[defects]") {
    world<TestType> w;
    frame<TestType>*sealed = nullptr, *behind = nullptr;
    std::uint64_t n = 0;
    {
        const during fault(posted::on, def::m6);
        n = pin_sealed(w, sealed, behind);
    }
    CHECK(n == 1);
    CHECK(behind->count.raw() == 1025);  // the first address was asked for, the second one pinned
    w.t.unpin_user_page(behind);
    w.audit();
}

AS_POSTED("DEF-M6: a folio that cannot be made accessible ends the walk, and is given back", "[defects]") {
    world<TestType> w;
    frame<TestType>*sealed = nullptr, *behind = nullptr;
    CHECK(pin_sealed(w, sealed, behind) == 0);
    CHECK(sealed->count.raw() == 1);
    CHECK(behind->count.raw() == 1);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}
