// SPDX-License-Identifier: BSL-1.0
// Which descriptor is counted, and which one is handed out (DEF-02, DEF-14, DEF-21).
#include "as_posted.hpp"

using namespace mmt;
using mm::race_point;

TEST_CASE("DEF-02 as posted: the tail is taken for the head, and the check of the head fires for every tail", "[defects]") {
    world<as_posted_2019> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    const violations told;
    const during fault(posted::on, def::d02);
    CHECK(fast(w, a, 1, foll::pin | foll::write) == 1);  // sub-page 0 is its own head
    CHECK(told.seen == 0);
    w.unpin(1);
    REQUIRE(fast(w, a + 3 * mm::page_size, 1, foll::pin | foll::write) == 1);
    CHECK(told.seen == (violations::checked ? 1 : 0));
    CHECK(w.pages[0]->is(mm::pg::referenced));  // the mark is on the tail, too
    w.unpin(1);
}

BOTH_PROFILES("DEF-02: a pte of a huge page: the head is counted, the sub-page returned, no assertion fires", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    const violations told;
    CHECK(fast(w, a + 3 * mm::page_size, 1, foll::pin | foll::write) == 1);
    CHECK(told.seen == 0);
    CHECK(w.box.phys().index_in_folio(w.pages[0]) == 3);
    CHECK(w.refs(a) == pick<TestType>(1536, 513));
    CHECK(w.pages[0]->count.refs() == 0);
    CHECK_FALSE(w.pages[0]->is(mm::pg::referenced));
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("K-03: a huge entry may point into a larger page: the head of all of it is counted", "[defects]") {
    world<TestType> w;
    auto& phys = w.box.phys();
    auto* big = phys.alloc({.order = 10});
    REQUIRE(big);
    const vaddr a = w.map(2_MiB, {.at = vaddr{1} << 40});
    const auto at = w.t.mm().tables.reach(a, mm::level::pmd);
    REQUIRE(at.reached(mm::level::pmd));
    at.slot->set(mm::entry::leaf(phys.number(big) + 512, mm::entry::bit(mm::eb::writable)));  // its second half
    CHECK(fast(w, a + 3 * mm::page_size, 4, foll::pin | foll::write) == 4);
    CHECK(big->count.refs() == 1 + 4 * pick<TestType>(1024, 1));
    for (std::uint64_t k = 0; k < 4; ++k) CHECK(w.pages[k] == phys.nth(big, 515 + k));
    CHECK(phys.nth(big, 512)->count.refs() == 0);
    w.unpin(4);
    CHECK(big->count.refs() == 1);
    hooked::once(race_point::head_checked, [&] { at.slot->set({}); });
    CHECK(fast(w, a, 512, foll::pin | foll::write) == 0);
    CHECK(big->count.refs() == 1);
    CHECK(w.box.counters().live() == 0);
    at.slot->set({});
    phys.drop(big, mm::holder::hand_out);
    w.audit();
}

// ---- DEF-14 --------------------------------------------------------------------------------------------------
namespace {

/// A tail grabbed while another actor makes it a page of its own, between resolving the head and adding to it.
template <class P>
struct moving_head {
    world<P> w;
    frame<P>* head;
    frame<P>* tail;
    frame<P>* got;

    explicit moving_head(unsigned flag) {
        const vaddr a = w.huge();
        w.split_entry(a);
        head = w.page_at(a);
        tail = w.box.phys().nth(head, 9);
        hooked::once(race_point::head_resolved, [this] {
            tail->count.init(1);
            tail->link.store(0);
        });
        got = mm::grab_speculative(w.box.phys(), tail, 1, flag);
    }
    void make_tail_again() {
        tail->count.set_raw(0);
        tail->link.store(reinterpret_cast<std::intptr_t>(head) | 1);
    }
};

}  // namespace

AS_POSTED("DEF-14 as posted: the old head is raised for a page that has left it", "[defects]") {
    const during fault(posted::on, def::d14);
    moving_head<TestType> m(foll::pin);
    CHECK(m.got == m.head);  // counted here, 512 mappings and one pin
    CHECK(m.head->count.refs() == 512 + pick<TestType>(1024, 1));
    CHECK(m.tail->count.refs() == 1);
    const violations told;
    mm::ungrab(m.w.box.phys(), m.tail, 1, foll::pin);
    CHECK(told.seen == (violations::checked ? 1 : 0));
    CHECK(m.tail->count.refs() == -1023);  // underflow under its user; the head keeps what it was given
    m.make_tail_again();
    m.head->count.set_raw(512);
}

BOTH_PROFILES("DEF-14: the head changes between resolve and add: undone, and tried anew", "[defects]") {
    for (const unsigned flag : {foll::get, foll::pin}) {
        moving_head<TestType> m(flag);
        CHECK(m.got == m.tail);
        CHECK(m.head->count.refs() == 512);
        CHECK(m.tail->count.refs() == 1 + (flag == foll::get ? 1 : 1024));
        CHECK(m.w.box.counters().live() == (flag == foll::pin ? 1 : 0));
        mm::ungrab(m.w.box.phys(), m.tail, 1, flag);
        CHECK(m.tail->count.refs() == 1);
        m.make_tail_again();
        m.w.audit();
    }
}

// ---- DEF-21 --------------------------------------------------------------------------------------------------
TEST_CASE("DEF-21 as posted: stepping the descriptor over a section of the memmap leaves the page", "[defects]") {
    using P = as_posted_2019;
    for (const bool faulty : {true, false}) {
        huge_world<P> w(with_pools(0, 1));
        const vaddr a = w.map_huge(1, true, mm::pud_order);
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
        auto* const head = w.head_at(a);
        const std::uint64_t border = mm::sectioned_memmap::section;
        const during fault(posted::on, faulty ? def::d21 : def::none);
        w.pages.assign(4, nullptr);
        REQUIRE(fast(w, a + (border - 2) * mm::page_size, 4, foll::pin | foll::write) == 4);
        int strangers = 0;
        for (std::uint64_t k = 0; k < 4; ++k)
            if (w.pages[k] != w.box.phys().at(w.box.phys().number(head) + (border - 2 + k))) ++strangers;
        CHECK(strangers == (faulty ? 2 : 0));  // those behind the border
        posted::on = def::none;
        mm::ungrab(w.box.phys(), head, 4, foll::pin);
        CHECK(w.box.counters().live() == 0);
    }
}
