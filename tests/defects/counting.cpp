// SPDX-License-Identifier: BSL-1.0
// Units: what is taken back is what was taken, and the word has an end (DEF-01, -03, -04, -16, -17, -18, -20, -22).
#include "as_posted.hpp"

using namespace mmt;
using mm::race_point;

// ---- DEF-01, DEF-22 ------------------------------------------------------------------------------------------
namespace {

/// One pte pinned fast; its entry changes at RP-4.
template <class P>
frame<P>* pin_a_changing_pte(world<P>& w) {
    const vaddr a = written(w);
    auto* page = w.page_at(a);
    hooked::once(race_point::head_checked, [&w, a, page] {
        CHECK(page->count.refs() == 1025);
        CHECK(w.t.mprotect(a, mm::page_size, mm::prot::read) == 0);
    });
    CHECK(fast(w, a, 1, foll::pin | foll::write) == 0);
    return page;
}

}  // namespace

AS_POSTED("DEF-01 as posted: a changed pte is undone by a put, 1023 units stay and the page is never freed", "[defects]") {
    world<TestType> w;
    const during fault(posted::on, def::d01);
    auto* page = pin_a_changing_pte(w);
    CHECK(page->count.refs() == 1024);
    CHECK(w.box.counters() == mm::pin_counters{1, 0});  // DEF-22: requested, never returned
    w.box.exit(w.t);
    CHECK(page->count.refs() == 1023);
    CHECK_FALSE(page->is(mm::pg::buddy));
}

BOTH_PROFILES("DEF-01: a changed pte undoes the unit it took, and the statistics balance", "[defects]") {
    world<TestType> w;
    auto* page = pin_a_changing_pte(w);
    CHECK(page->count.refs() == 1);
    CHECK(w.box.counters() == mm::pin_counters{1, 1});  // DEF-22
    w.audit();
    w.box.exit(w.t);
    CHECK(page->is(mm::pg::buddy));
    w.audit();
}

// ---- DEF-03 --------------------------------------------------------------------------------------------------
TEST_CASE("DEF-03 as posted: one pin for two slots, the page is freed under the second", "[defects]") {
    world<as_posted_2019> w;
    const vaddr a = w.huge();
    auto* head = w.page_at(a);
    const during fault(posted::on, def::d03);
    CHECK(fast(w, a, 2, foll::pin | foll::write) == 2);
    CHECK(head->count.refs() == 1025);
    w.t.put_user_page(w.pages[0]);
    CHECK(head->count.refs() == 1);
    CHECK(w.t.munmap(a, 2_MiB) == 0);
    CHECK(head->count.refs() == 0);
    CHECK(head->is(mm::pg::buddy));  // and w.pages[1] is still in somebody's hands
}

TEST_CASE("DEF-03 as posted: 512 slots of one pin end far below zero, and every later grab is refused", "[defects]") {
    world<as_posted_2019> w;
    const vaddr a = w.huge();
    auto* head = w.page_at(a);
    {
        const during fault(posted::on, def::d03);
        CHECK(fast(w, a, 512, foll::pin | foll::write) == 512);
    }
    CHECK(head->count.refs() == 1025);
    {
        const violations told;
        w.t.put_user_pages(w.pages);
        CHECK(told.seen == (violations::checked ? 1 : 0));  // the count word itself objects
    }
    CHECK(head->count.refs() == -523263);
    CHECK(w.box.counters() == mm::pin_counters{1, 512});  // DEF-22
    CHECK(fast(w, a, 1, foll::get) == 0);
    CHECK(fast(w, a, 1, foll::pin) == 0);
    CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 2);
    head->count.set_raw(1);
}

BOTH_PROFILES("DEF-03: as many units as slots in the huge fast path", "[defects]") {
    world<TestType> w;
    const vaddr a = w.huge();
    CHECK(fast(w, a, 2, foll::pin | foll::write) == 2);
    auto* head = w.page_at(a);
    CHECK(head->count.refs() == pick<TestType>(2049, 3));
    w.t.unpin_user_page(w.pages[0]);
    CHECK(w.t.munmap(a, 2_MiB) == 0);
    CHECK(head->count.refs() == pick<TestType>(1024, 1));  // still held by the second pin
    CHECK_FALSE(head->is(mm::pg::buddy));
    w.audit();
    w.t.unpin_user_page(w.pages[1]);
    CHECK(head->is(mm::pg::buddy));
    w.audit();
    const vaddr b = w.huge();
    CHECK(fast(w, b, 512, foll::pin | foll::write) == 512);
    CHECK(w.refs(b) == pick<TestType>(524289, 513));
    w.unpin(512);
    CHECK(w.refs(b) == 1);
    CHECK(w.box.counters() == mm::pin_counters{514, 514});
    w.audit();
}

// ---- DEF-04 --------------------------------------------------------------------------------------------------
TEST_CASE("DEF-04 as posted: the huge undo takes its units from the wrong descriptor", "[defects]") {
    const during fault(posted::on, def::d04);
    const auto lose = [](std::uint64_t first, std::uint64_t refs, std::int32_t on_head, std::int32_t on_tail) {
        world<as_posted_2019> w;
        const vaddr a = w.huge();
        auto* head = w.page_at(a);
        auto* slot = w.box.phys().nth(head, first);
        hooked::once(race_point::head_checked, [&] { CHECK(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0); });
        CHECK(fast(w, a + first * mm::page_size, refs, foll::pin | foll::write) == 0);
        CHECK(head->count.refs() == on_head);
        if (slot != head) CHECK(slot->count.refs() == on_tail);
        slot->count.set_raw(0);
        head->count.set_raw(1);
    };
    lose(0, 512, 513, 0);  // 1 -> 1025 -> 1026 -> 514 -> 513
    lose(5, 4, 1025, -4);  // the head keeps the pin, the tail's own word is corrupt
}

BOTH_PROFILES("DEF-04: the huge undo removes from the head what was added to it", "[defects]") {
    for (const auto& [first, refs] : std::initializer_list<std::pair<std::uint64_t, std::uint64_t>>{{0, 512}, {5, 4}}) {
        world<TestType> w;
        const vaddr a = w.huge();
        auto* head = w.page_at(a);
        hooked::once(race_point::head_checked, [&, n = refs] {
            CHECK(head->count.refs() == 1 + static_cast<std::int32_t>(n) * pick<TestType>(1024, 1));
            CHECK(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0);
        });
        CHECK(fast(w, a + first * mm::page_size, refs, foll::pin | foll::write) == 0);
        CHECK(head->count.refs() == 1);
        for (std::uint64_t k = 1; k < 512; ++k) REQUIRE(w.box.phys().nth(head, k)->count.refs() == 0);
        CHECK(w.box.counters().live() == 0);
        w.audit();
    }
}

// ---- DEF-16 --------------------------------------------------------------------------------------------------
namespace {

/// The comparison with the bias made a plain int.
bool signed_comparison(std::int32_t count) { return count >= 1024; }

}  // namespace

TEST_CASE("DEF-16 as posted, with a signed bias: an overflowed page looks unpinned", "[defects]") {
    for (const std::int32_t c : {-2147482624, -2147483647 - 1, -1}) CHECK_FALSE(signed_comparison(c));
}

BOTH_PROFILES("DEF-16: the pinned test compares unsigned, at every boundary", "[defects]") {
    using ops = typename mm::physical<TestType>::ops;
    using traits = typename ops::count_type::traits;
    if constexpr (is_2019<TestType>)
        static_assert(pinfold::detail::overlay_pinned<traits>(-2147482624) == pinfold::pinned::maybe);
    world<TestType> w;
    auto* page = w.page_at(written(w));
    struct boundary {
        std::int32_t raw;
        bool pinned;
    };
    for (const auto& b : {boundary{0, false}, {1023, false}, {1024, true}, {2147483647, true}, {-2147483647 - 1, true},
                          {-1, true}, {-2147482624, true}}) {
        page->count.set_raw(b.raw);
        INFO(b.raw);
        CHECK(static_cast<bool>(ops::maybe_pinned(page)) == b.pinned);
    }
    page->count.set_raw(1);
    w.audit();
}

// ---- DEF-17 --------------------------------------------------------------------------------------------------
namespace {

struct plain_word : pinfold::count_defaults {
    using word = pinfold::unsync_word<std::int32_t>;
    using liveness = pinfold::zero_is_dead;
    using overflow = pinfold::unchecked_overflow;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
};

}  // namespace

TEST_CASE("DEF-17 as posted, nobody refuses: full pins of a huge page wrap the word, and live pins are denied", "[defects]") {
    pinfold::count<plain_word> c;
    c.init(1);
    for (int i = 0; i < 4096; ++i) REQUIRE(c.try_pin(512));
    CHECK(c.raw() == -2147483647);
    for (int i = 0; i < 4096; ++i) c.pin(512);
    CHECK(c.raw() == 1);
    CHECK_FALSE(static_cast<bool>(c.maybe_pinned()));  // INV-4 broken: 4 194 304 pins are live
}

TEST_CASE("DEF-17: 4096 full pins of a huge page overflow the overlay, are refused, and come back", "[defects]") {
    for (const bool fast_entry : {true, false}) {
        world<checked_2019> w;
        const vaddr a = w.huge();
        auto* head = w.page_at(a);
        const auto pinned = [&] { return static_cast<bool>(mm::physical<checked_2019>::ops::maybe_pinned(head)); };
        std::vector<frame<checked_2019>*> pages(512);
        const auto pin = [&] {
            return fast_entry ? w.t.pin_user_pages_fast(a, 512, foll::write, pages)
                              : w.t.pin_user_pages(a, 512, foll::write, pages);
        };
        for (int i = 0; i < 4095; ++i) {
            REQUIRE(pin() == 512);
            REQUIRE(pinned());
        }
        CHECK(head->count.refs() == 2146959361);
        REQUIRE(pin() == 512);
        CHECK(head->count.refs() == -2147483647);
        CHECK(pinned());
        CHECK(w.box.warn().total() == 0);
        CHECK(fast(w, a, 512, foll::pin | foll::write) == 0);
        CHECK(w.box.warn().hits(mm::warn_id::grab_negative) == 1);
        CHECK(pin() == -err::efault);
        CHECK(head->count.refs() == -2147483647);
        CHECK(pinned());
        w.audit();
        for (int i = 0; i < 4096; ++i) {
            REQUIRE(pinned());
            w.t.put_user_pages(pages);
        }
        CHECK(head->count.refs() == 1);
        CHECK_FALSE(pinned());
        CHECK(w.box.counters() == mm::pin_counters{4096 * 512, 4096 * 512});
        w.audit();
        CHECK(pin() == 512);  // and the page can be pinned again
        w.t.put_user_pages(pages);
    }
}

TEST_CASE("DEF-17: with the exact count the same history is refused nothing", "[defects]") {
    for (const bool fast_entry : {true, false}) {
        world<checked_6_12> w;
        const vaddr a = w.huge();
        for (int i = 0; i < 4096; ++i)
            REQUIRE((fast_entry ? w.pin(a, 512, foll::write) : w.pin_slow(a, 512, foll::write)) == 512);
        CHECK(w.refs(a) == 2097153);
        CHECK(*w.t.inspect(a).page.pins == 2097152);
        w.audit();
        for (int i = 0; i < 4096; ++i) w.unpin(512);
        CHECK(w.refs(a) == 1);
        CHECK(*w.t.inspect(a).page.pins == 0);
        CHECK(w.box.warn().total() == 0);
        w.audit();
    }
}

TEST_CASE("DEF-17: a small page has room for 2 097 151 pins, the crossing one is granted, the next refused", "[defects]") {
    world<checked_2019> w;
    const vaddr a = written(w);
    auto* page = w.page_at(a);
    constexpr std::int32_t room = 2097151;
    std::vector<frame<checked_2019>*> one(1);
    REQUIRE(mm::grab_speculative(w.box.phys(), page, room, foll::pin) == page);
    CHECK(page->count.refs() == 1 + room * 1024);
    REQUIRE(w.t.pin_user_pages_fast(a, 1, foll::write, one) == 1);
    CHECK(page->count.refs() == -2147483647);
    CHECK(w.t.pin_user_pages_fast(a, 1, foll::write, one) == -err::enomem);
    CHECK(w.t.get_user_pages_fast(a, 1, foll::write, one) == -err::enomem);
    CHECK(w.box.counters().live() == room + 1);
    w.audit();
    w.t.put_user_page(page);
    CHECK(page->count.refs() == 1 + room * 1024);
    mm::ungrab(w.box.phys(), page, room, foll::pin);
    CHECK(page->count.refs() == 1);
    w.audit();
}

// ---- DEF-18 --------------------------------------------------------------------------------------------------
namespace {

/// The product of an int number of pins and the bias, handed on as an int.
std::int32_t units_as_posted(int refs) { return static_cast<std::int32_t>(static_cast<unsigned long>(refs) * 1024UL); }

}  // namespace

TEST_CASE("DEF-18 as posted: a batch of 2^22 pins is no unit at all, and the page is not pinned", "[defects]") {
    CHECK(units_as_posted(1 << 22) == 0);
    CHECK(units_as_posted(1 << 21) < 0);
    pinfold::count<plain_word> c;
    c.init(1);
    c.set_raw(c.raw() + units_as_posted(1 << 22));
    CHECK(c.raw() == 1);
    CHECK_FALSE(static_cast<bool>(c.maybe_pinned()));
}

BOTH_PROFILES("DEF-18: a batch whose units do not fit is refused whole", "[defects]") {
    world<TestType> w;
    const vaddr a = written(w);
    auto* page = w.page_at(a);
    for (const std::uint64_t n : {std::uint64_t{1} << 21, std::uint64_t{1} << 22, std::uint64_t{1} << 27}) {
        w.box.warn().reset();
        CHECK(mm::grab_speculative(w.box.phys(), page, n, foll::pin) == nullptr);
        CHECK(w.box.warn().hits(mm::warn_id::grab_batch) == 1);
        CHECK(page->count.refs() == 1);
        CHECK(mm::grab_stable(w.box.phys(), page, n, foll::pin) == -err::enomem);
        CHECK(page->count.refs() == 1);
    }
    CHECK(mm::grab_speculative(w.box.phys(), page, (1 << 21) - 1, foll::pin) == page);
    mm::ungrab(w.box.phys(), page, (1 << 21) - 1, foll::pin);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

// ---- DEF-20 --------------------------------------------------------------------------------------------------
namespace {

/// The zero page two pins short of the end of its word, and three pins of it. Returns: the third answer.
template <class P>
long exhaust_the_zero_page(world<P>& w) {
    const vaddr a = w.map(mm::page_size);
    REQUIRE(w.t.load(a).value == 0);
    auto* zero = w.box.phys().zero_page();
    zero->count.set_raw(1 + 1024 * 2097151 - 1024);
    CHECK(w.pin(a, 1) == 1);
    CHECK(w.pin(a, 1) == 1);
    const long third = w.pin(a, 1);
    zero->count.set_raw(1);
    return third;
}

}  // namespace

TEST_CASE("DEF-20 without the exemption: 2 097 151 pins of the zero page, and nobody on the machine gets another", "[defects]") {
    const during fault(as_posted_6_12::zero_page_exempt, false);
    world<as_posted_6_12> w;
    CHECK(exhaust_the_zero_page(w) == -err::enomem);
    world<checked_2019> old;  // as specified for this profile
    CHECK(exhaust_the_zero_page(old) == -err::enomem);
}

TEST_CASE("DEF-20: pins of the zero page cannot exhaust it where it is exempt", "[defects]") {
    world<checked_6_12> w;
    CHECK(exhaust_the_zero_page(w) == 1);
    const vaddr a = w.map(mm::page_size);
    REQUIRE(w.t.load(a).value == 0);
    for (int i = 0; i < 10000; ++i) REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.box.phys().zero_page()->count.refs() == 1);
    CHECK(w.box.counters() == mm::pin_counters{});
}
