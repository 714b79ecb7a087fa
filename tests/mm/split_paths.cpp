// SPDX-License-Identifier: BSL-1.0
// FP-SPLIT, FP-SPLIT-PMD, and the other lookup flags only 2019 has: MIGRATION, MLOCK, POPULATE. Source: spec 04.
#include <thread>

#include "box.hpp"

namespace split_paths_tests {

using namespace mmt;

namespace {

template <class P>
mm::lookup<P> follow(world<P>& w, vaddr a, unsigned flags, mm::gup_trace* trace = nullptr) {
    std::shared_lock lock(w.t.mm().mmap_lock);
    return mm::follow_page_mask(w.t.mm(), *w.t.mm().find(a), a, flags, trace);
}

/// 512 pages of one folio, mapped by a pmd or by ptes, every byte of the first ones different.
template <class P>
vaddr filled_huge(world<P>& w, bool by_ptes) {
    const vaddr a = w.huge();
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.t.store(a + k * 4096ULL, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
    if (by_ptes) w.split_entry(a);
    return a;
}

}  // namespace

TEST_CASE("2019: FOLL_SPLIT makes base pages of the page, by pmd and by pte, and counts the one it returns", "[split-paths]") {
    const bool by_ptes = GENERATE(false, true);
    world<checked_2019> w;
    const vaddr a = filled_huge(w, by_ptes);
    const std::uint64_t k = GENERATE(0U, 255U, 511U);
    const unsigned how = GENERATE(0U, unsigned{foll::get}, unsigned{foll::pin});
    mm::gup_trace trace;
    const auto got = follow(w, a + k * 4096, how | foll::split, &trace);
    REQUIRE(got.page);
    CHECK(trace.events.back().path == mm::path_id::fp_pte);
    if (!by_ptes) CHECK(trace.events.front().path == mm::path_id::fp_split);
    CHECK(w.box.phys().head(got.page) == got.page);
    CHECK_FALSE(got.page->is(mm::pg::large));
    CHECK(got.page->count.refs() == 1 + (how == foll::pin ? 1024 : how == foll::get ? 1 : 0));
    CHECK(w.refs(a + ((k + 1) % 512) * 4096) == 1);
    CHECK(w.t.load(a + k * 4096).value == static_cast<unsigned char>(k + 1));
    mm::ungrab(w.box.phys(), got.page, 1, how);
    CHECK(w.box.warn().total() == 0);
    w.audit();
}

TEST_CASE("2019: a page somebody holds is not split: the split's error, nothing changed", "[split-paths]") {
    const bool by_ptes = GENERATE(false, true);
    world<checked_2019> w;
    const vaddr a = filled_huge(w, by_ptes);
    const auto rest = w.refs(a);
    REQUIRE(w.pin(a + 4096, 1, foll::write) == 1);
    const auto got = follow(w, a, foll::get | foll::split);
    CHECK(got.page == nullptr);
    CHECK(got.error == -err::ebusy);
    CHECK(w.refs(a) == rest + 1024);
    CHECK_FALSE(w.box.phys().head(w.page_at(a))->is(mm::pg::locked));
    w.unpin(1);
    auto* const head = w.box.phys().head(w.page_at(a));
    const auto before = head->count.raw();
    head->count.set_raw(-5);
    CHECK(follow(w, a, foll::split).error == -err::enomem);
    CHECK(head->count.refs() == -5);
    head->count.set_raw(before);
    w.audit();
}

TEST_CASE("2019: the huge zero page loses its entry to either flag, never itself", "[split-paths]") {
    world<checked_2019> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.load(a).value == 0);
    const auto got = follow(w, a + 4096, foll::get | GENERATE(unsigned{foll::split}, unsigned{foll::split_pmd}));
    REQUIRE(got.page);
    CHECK(w.box.phys().is_zero_page(got.page));
    CHECK(w.t.inspect(a).at == mm::level::pte);
    mm::ungrab(w.box.phys(), got.page, 1, foll::get);
    w.audit();
}

TEST_CASE("6.12: FOLL_SPLIT is no flag: the bit is ignored", "[split-paths]") {
    world<checked_6_12> w;
    const vaddr a = filled_huge(w, false);
    const auto got = follow(w, a + 4096, foll::get | foll::split);
    REQUIRE(got.page);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    mm::ungrab(w.box.phys(), got.page, 1, foll::get);
    w.audit();
}

BOTH_PROFILES("FOLL_SPLIT_PMD works on a pinned page, and says that it did", "[split-paths]") {
    world<TestType> w;
    const vaddr a = filled_huge(w, false);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    mm::gup_trace trace;
    w.pages.resize(2);
    REQUIRE(w.t.get_user_pages(a + 4096, 1, foll::split_pmd, {&w.pages[1], 1}, &trace) == 1);
    CHECK(trace.events.front().path == mm::path_id::fp_split_pmd);
    CHECK(trace.events.back().path == mm::path_id::fp_pte);
    CHECK(w.box.phys().index_in_folio(w.pages[1]) == 1);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    w.t.put_page(w.pages[1]);
    w.unpin(1);
    w.audit();
}

TEST_CASE("2019: FOLL_MIGRATION waits for a page on its way; without it there is none", "[split-paths]") {
    world<checked_2019> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* const slot = w.t.mm().tables.find(a, mm::level::pte).slot;
    const mm::entry e = slot->read();
    slot->set(mm::entry::make(mm::entry_kind::migration, e.number()));
    CHECK(follow(w, a, foll::get).page == nullptr);
    CHECK(follow(w, a, foll::get).error == 0);
    mm::lookup<checked_2019> got;
    std::thread other([&] { got = follow(w, a, foll::get | foll::migration); });
    slot->set(e);
    other.join();
    REQUIRE(got.page == w.page_at(a));
    w.t.put_page(got.page);
    w.audit();
}

TEST_CASE("2019: FOLL_MLOCK marks what it finds, never a huge page mapped by ptes, and counts nothing", "[split-paths]") {
    world<checked_2019> w;
    const vaddr a = w.map(2 * 4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.mlock_on_fault(a, 2 * 4096) == 0);
    CHECK(w.flags(a).find('M') != std::string::npos);
    CHECK(w.t.inspect(a + 4096).raw.is_none());  // MLOCK without POPULATE goes on to the next
    REQUIRE(w.t.store(a + 4096, 1) == mm::fault_result::ok);
    CHECK(w.flags(a + 4096).find('M') != std::string::npos);
    const vaddr h = w.huge();
    w.split_entry(h);
    REQUIRE(w.t.mlock(h, 2_MiB) == 0);
    CHECK(w.flags(h).find('M') == std::string::npos);
    const vaddr m = w.huge();
    REQUIRE(w.t.mlock(m, 2_MiB) == 0);
    CHECK(w.flags(m).find('M') != std::string::npos);
    CHECK(w.refs(a) == 1);
    w.audit();
}

BOTH_PROFILES("what a machine knows nothing of, a hugepd entry in an ordinary mapping, is one warning and no page", "[split-paths]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto* const slot = w.t.mm().tables.find(a, mm::level::pmd).slot;
    const mm::entry e = slot->read();
    slot->set(mm::entry::hugepd(e.number(), 12));
    CHECK(follow(w, a, foll::get).page == nullptr);
    CHECK(follow(w, a, foll::get).error == 0);
    CHECK(w.box.warn().hits(mm::warn_id::huge_pd_none) == 2);
    slot->set(e);
    w.audit();
}

}  // namespace split_paths_tests
