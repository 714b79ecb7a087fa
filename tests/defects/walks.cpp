// SPDX-License-Identifier: BSL-1.0
// Walks stop where they must and leave nothing behind (DEF-12, -15, -M2, -M4, -M6).
#include "as_posted.hpp"

using namespace mmt;
using mm::race_point;

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
        CHECK(head->count.refs() == 2147483647);
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
    CHECK(behind->count.refs() == 1025);  // the first address was asked for, the second one pinned
    w.t.unpin_user_page(behind);
    w.audit();
}

AS_POSTED("DEF-M6: a folio that cannot be made accessible ends the walk, and is given back", "[defects]") {
    world<TestType> w;
    frame<TestType>*sealed = nullptr, *behind = nullptr;
    CHECK(pin_sealed(w, sealed, behind) == 0);
    CHECK(sealed->count.refs() == 1);
    CHECK(behind->count.refs() == 1);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}
