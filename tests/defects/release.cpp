// SPDX-License-Identifier: BSL-1.0
// Giving back, and what the statistics and the callers are told (DEF-11, -M1, -M3, -M5).
#include "as_posted.hpp"

using namespace mmt;

// ---- DEF-11 --------------------------------------------------------------------------------------------------
namespace {

/// The last release of a pinned page whose owner is gone. Returns: releases the statistics knew while it was freed.
template <class P>
std::int64_t counted_while_freed() {
    world<P> w;
    const vaddr a = w.map(mm::page_size);
    CHECK(w.pin(a, 1, foll::write) == 1);
    w.box.phys().lru_drain_all();
    CHECK(w.t.munmap(a, mm::page_size) == 0);
    static mm::machine<P>* box = nullptr;
    static std::int64_t seen = -1;
    box = &w.box;
    // The frame is made unfit for freeing, so that the free path reports while it runs.
    w.pages[0]->mapcount.store(7);
    w.box.warn().set_handler([](mm::warn_id id, std::int64_t) noexcept {
        if (id == mm::warn_id::bad_page) seen = box->counters().released;
    });
    w.t.unpin_user_page(w.pages[0]);
    CHECK(w.box.counters().released == 1);
    return seen;
}

}  // namespace

TEST_CASE("DEF-11 as posted: the page is freed before its release is counted", "[defects]") {
    const during fault(posted::on, def::d11);
    CHECK(counted_while_freed<as_posted_2019>() == 0);
}

BOTH_PROFILES("DEF-11: a release is counted before it can free", "[defects]") {
    CHECK(counted_while_freed<TestType>() == 1);
}

// ---- DEF-M1 --------------------------------------------------------------------------------------------------
BOTH_PROFILES("DEF-M1: an added pin is counted as acquired, except where the kernel was seen not to", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(mm::page_size);
    CHECK(w.pin(a, 1, foll::write) == 1);
    w.t.folio_add_pin(w.pages[0]);
    CHECK(w.refs(a) == 2049);
    CHECK(w.box.counters() == mm::pin_counters{pick<TestType>(2, 1), 0});
    w.audit();
    w.unpin(1);
    w.unpin(1);
    CHECK(w.box.counters().live() == pick<TestType>(0, -1));
    CHECK(w.refs(a) == 1);
    w.audit();
    w.t.folio_add_pin(w.page_at(a));
    CHECK(w.box.warn().hits(mm::warn_id::add_pin_unpinned) == 1);
    w.t.unpin_user_page(w.page_at(a));
    w.audit();
}

// ---- DEF-M3 --------------------------------------------------------------------------------------------------
TEST_CASE("DEF-M3: slow pins answer 0 to invalid arguments in linux_6_12, everything else -EINVAL", "[defects]") {
    world<checked_6_12> w;
    const vaddr a = w.map(mm::page_size);
    std::vector<frame<checked_6_12>*> pages(1);
    CHECK(w.pin_slow(a, 1, foll::get) == 0);
    CHECK(w.t.pin_user_pages_unlocked(a, 1, pages, foll::get) == 0);
    CHECK(w.t.pin_user_pages_remote(w.t.mm(), a, 1, foll::get, pages, nullptr) == 0);
    CHECK(w.t.pin_user_pages(a, 1, 0, {}) == 0);
    CHECK(w.pin(a, 1, foll::get) == -err::einval);
    CHECK(w.t.get_user_pages(a, 1, foll::longterm, pages) == -err::einval);
    CHECK(w.t.get_user_pages_unlocked(a, 1, pages, foll::longterm) == -err::einval);
    CHECK(w.get(a, 1, foll::longterm) == -err::einval);
    CHECK(w.box.counters() == mm::pin_counters{});
    world<checked_2019> old;
    CHECK(old.pin_slow(old.map(mm::page_size), 1, foll::get) == -err::einval);
    CHECK(old.pin(old.map(mm::page_size), 1, foll::get) == -err::einval);
}

TEST_CASE("DEF-M3 with the rule put right: slow pins answer -EINVAL as the others do", "[defects]") {
    const during rule(as_posted_6_12::bad_pin_result, -long{err::einval});
    world<as_posted_6_12> w;
    CHECK(w.pin_slow(w.map(mm::page_size), 1, foll::get) == -err::einval);
}

// ---- DEF-M5 --------------------------------------------------------------------------------------------------
AS_POSTED("DEF-M5 as written: a null behind a page is followed", "[defects]") {
    world<TestType> w;
    const vaddr a = w.map(4 * mm::page_size);
    REQUIRE(w.pin(a, 4, foll::write) == 4);
    auto* third = std::exchange(w.pages[2], nullptr);
    posted::nulls_followed = 0;
    {
        const during fault(posted::on, def::m5);
        w.unpin(4);
    }
    CHECK(posted::nulls_followed == 1);
    w.t.unpin_user_page(third);
    w.audit();
}

BOTH_PROFILES("DEF-M5: a null anywhere is skipped and ends a batch", "[defects]") {
    world<TestType> w;
    for (const bool huge : {false, true})
        for (unsigned hole = 0; hole < 16; ++hole) {  // every set of four slots
            const vaddr a = huge ? w.huge() : w.map(4 * mm::page_size);
            REQUIRE(w.pin(a, 4, foll::write) == 4);
            const auto all = w.pages;
            for (unsigned k = 0; k < 4; ++k)
                if ((hole >> k & 1) != 0) w.pages[k] = nullptr;
            w.unpin(4);
            const std::int64_t left = __builtin_popcount(hole);
            CHECK(w.box.counters().live() == left);
            w.audit();
            for (unsigned k = 0; k < 4; ++k)
                if ((hole >> k & 1) != 0) w.t.unpin_user_page(all[k]);
            CHECK(w.t.munmap(a, huge ? 2_MiB : 4 * mm::page_size) == 0);
        }
    w.audit();
}

// ---- R-16 ----------------------------------------------------------------------------------------------------
BOTH_PROFILES("R-16: a batch grab without a flag is a bug of the caller: one WARN, nothing", "[defects]") {
    world<TestType> w;
    const vaddr a = written(w);
    CHECK(mm::grab_speculative(w.box.phys(), w.page_at(a), 1, 0) == nullptr);
    CHECK(w.box.warn().hits(mm::warn_id::grab_noflag) == 1);
    CHECK(mm::grab_stable(w.box.phys(), w.page_at(a), 1, 0) == 0);  // a lookup that counts nothing
    CHECK(w.refs(a) == 1);
    CHECK(mm::grab_stable(w.box.phys(), w.page_at(a), 1, foll::get | foll::pin) == -err::einval);  // INV-17
    CHECK(w.box.warn().hits(mm::warn_id::grab_both) == 1);
    CHECK(w.refs(a) == 1);
}
