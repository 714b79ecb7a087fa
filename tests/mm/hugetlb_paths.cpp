// SPDX-License-Identifier: BSL-1.0
// Every way to a huge page: pmd, pud, pgd and hugepd tables, slow and fast, granted and refused.
// Source: spec 04 FP-HUGE-*, FP-HUGETLB-RANGE, spec 05 §4.
#include "hugetlb_box.hpp"

namespace hugetlb_paths_tests {

using namespace mmt;

namespace {

using mm::path_id;

template <class P>
struct path_world : huge_world<P> {
    explicit path_world(std::uint64_t one_gib = 0, std::uint64_t odd = 0) : huge_world<P>(with_pools(4, one_gib, odd)) {}

    long pin_traced(vaddr a, long n, unsigned flags, bool slow) {
        trace.clear();
        this->pages.assign(static_cast<std::size_t>(n), nullptr);
        return slow ? this->t.pin_user_pages(a, static_cast<std::uint64_t>(n), flags, this->pages, &trace)
                    : this->t.pin_user_pages_fast(a, n, flags, this->pages, &trace);
    }
    mm::lookup<P> follow(vaddr a, unsigned flags) {
        std::shared_lock lock(this->t.mm().mmap_lock);
        trace.clear();
        return mm::follow_page_mask(this->t.mm(), *this->t.mm().find(a), a, flags, &trace);
    }
    mm::gup_trace trace;
};

}  // namespace

BOTH_PROFILES("Huge pages of a table's own level: the path is the level's, and the sub-page is the right one", "[hugetlb-paths]") {
    const unsigned order = GENERATE(mm::pmd_order, mm::pud_order);
    path_world<TestType> w(order == mm::pud_order ? 1 : 0);
    const vaddr a = w.map_huge(1, true, order);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    const std::int64_t rest = w.refs(a);
    const std::uint64_t last = (std::uint64_t{1} << order) - 1;
    const bool pmd = order == mm::pmd_order;
    for (const std::uint64_t k : {std::uint64_t{0}, last / 2, last})
        for (const bool slow : {false, true}) {
            INFO("sub-page " << k << (slow ? ", slow" : ", fast"));
            REQUIRE(w.pin_traced(a + k * mm::page_size, 1, foll::write, slow) == 1);
            const path_id path = !slow ? (pmd ? path_id::fast_pmd : path_id::fast_pud)
                                 : is_2019<TestType> ? path_id::fp_hugetlb_range
                                                     : (pmd ? path_id::fp_huge_pmd : path_id::fp_huge_pud);
            CHECK(w.trace.pages_by(path) == 1);
            CHECK(w.box.phys().index_in_folio(w.pages[0]) == k);
            CHECK(w.refs(a) == rest + pins<TestType>(1));
            w.unpin(1);
            CHECK(w.refs(a) == rest);
        }
    w.audit();
}

BOTH_PROFILES("An overflowed head refuses everywhere with an error and one warning", "[hugetlb-paths]") {
    path_world<TestType> w;
    const vaddr a = w.map_huge(1, true);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    auto* const head = w.head_at(a);
    const auto before = static_cast<std::int32_t>(w.refs(a));
    head->count.set_raw(-5);
    const bool slow = GENERATE(false, true);
    CHECK(w.pin_traced(a, 4, foll::write, slow) == -err::enomem);
    CHECK(w.box.warn().reported(mm::warn_id::grab_negative));
    CHECK(w.box.warn().reported(mm::warn_id::hugetlb_range_grab) == is_2019<TestType>);
    CHECK(head->count.refs() == -5);
    head->count.set_raw(before);
    w.audit();
}

TEST_CASE("2019: a range that overflows in the middle of a huge page is a short count (PS-11)", "[hugetlb-paths]") {
    path_world<checked_2019> w;
    const vaddr a = w.map_huge(1, true);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    auto* const head = w.head_at(a);
    const auto before = static_cast<std::int32_t>(w.refs(a));
    const std::int32_t room = 0x7fffffff / 1024;
    head->count.set_raw((room - 10) * 1024 + before);  // ten pins short of the limit
    const long got = w.pin_traced(a, 100, foll::write, true);
    CHECK(got == 11);  // the eleventh makes the word negative, which the twelfth refuses to go on from
    CHECK(w.box.warn().hits(mm::warn_id::hugetlb_range_grab) == 1);
    w.unpin(got);
    CHECK(head->count.refs() == (room - 10) * 1024 + before);
    head->count.set_raw(before);
    w.audit();
}

TEST_CASE("2019: one range walk fills the slots of many huge pages, and their VMAs", "[hugetlb-paths]") {
    path_world<checked_2019> w;
    const vaddr a = w.map_huge(3);
    std::vector<frame<checked_2019>*> pages(1536);
    std::vector<mm::vma*> vmas(1536);
    REQUIRE(w.t.pin_user_pages(a + 4096, 1536, foll::write, pages, &w.trace, vmas) == 1535);
    CHECK(w.trace.pages_by(path_id::fp_hugetlb_range) == 1535);
    CHECK(w.refs(a) == 1 + 511 * 1024);
    CHECK(w.refs(a + 2_MiB) == 1 + 512 * 1024);
    for (std::size_t k = 0; k < 1535; ++k) CHECK(vmas[k] == w.t.mm().find(a));
    w.t.put_user_pages({pages.data(), 1535});
    w.audit();
}

BOTH_PROFILES("Without an array huge pages are faulted in and nothing is counted (DEF-09)", "[hugetlb-paths]") {
    path_world<TestType> w;
    const vaddr a = w.map_huge(2);
    REQUIRE(w.t.madvise(a, 4_MiB, mm::advice::populate_write) == 0);
    CHECK(w.refs(a) == 1);
    CHECK(w.refs(a + 2_MiB) == 1);
    CHECK(w.letters(a + 2_MiB) == "WDY");
    w.audit();
}

BOTH_PROFILES("A core dump leaves out what neither the mapping nor its file has", "[hugetlb-paths]") {
    path_world<TestType> w;
    mm::file& f = w.box.create_huge_file(4_MiB, mm::pmd_order);
    REQUIRE(w.box.fallocate(f, mm::file_change::alloc, 0, 2_MiB) == 0);
    const vaddr a = w.map(4_MiB, {.shared = true, .source = &f});
    std::vector<frame<TestType>*> pages(2);
    CHECK(w.t.get_user_pages(a + 2_MiB - 4096, 2, foll::dump, pages) == 1);
    w.t.put_page(pages[0]);
    CHECK(w.t.get_user_pages(a + 2_MiB, 1, foll::dump, pages) == -err::efault);
    w.audit();
}

TEST_CASE("2019: FP-HUGE-PMD counts under the lock; GET and PIN together, and a refusal, are errors", "[hugetlb-paths]") {
    path_world<checked_2019> w;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    auto* const head = w.head_at(a);
    for (const std::uint64_t k : {0U, 255U, 511U}) {
        CHECK(w.follow(a + k * 4096, 0).page == w.box.phys().nth(head, k));
        CHECK(w.refs(a) == 1);
        const auto got = w.follow(a + k * 4096, foll::get);
        REQUIRE(got.page);
        CHECK(w.refs(a) == 2);
        w.t.put_page(got.page);
        const auto pinned = w.follow(a + k * 4096, foll::pin);
        REQUIRE(pinned.page);
        CHECK(w.refs(a) == 1025);
        w.t.put_user_page(pinned.page);
    }
    CHECK(w.follow(a, foll::get | foll::pin).error == -err::einval);
    CHECK(w.box.warn().hits(mm::warn_id::huge_pmd_get_pin) == 1);
    head->count.set_raw(-5);
    CHECK(w.follow(a, foll::get).error == -err::efault);  // DEF-06: never NULL
    CHECK(w.box.warn().hits(mm::warn_id::huge_pmd_grab) == 1);
    head->count.set_raw(1);
    w.audit();
}

TEST_CASE("2019: FP-HUGE-PUD and FP-HUGE-PGD take no lock and therefore no count", "[hugetlb-paths]") {
    path_world<checked_2019> w(1);
    const vaddr a = w.map_huge(1, false, mm::pud_order);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    CHECK(w.follow(a + 777 * 4096, 0).page == w.box.phys().nth(w.head_at(a), 777));
    CHECK(w.trace.pages_by(path_id::fp_huge_pud) == 1);
    CHECK_FALSE(w.follow(a, foll::get).page);
    CHECK_FALSE(w.follow(a, foll::pin).page);
    CHECK(w.refs(a) == 1);

    // A pgd entry spans 512 GiB: put in by hand over the one page there is.
    mm::vma v;
    v.kind = mm::vma_kind::hugetlb;
    v.huge_order = 27;
    v.start = 512_GiB * 3;
    v.end = 512_GiB * 4;
    const auto slot = w.t.mm().tables.slot_in(w.t.mm().tables.root(), mm::level::pgd, v.start);
    slot.slot->set(mm::entry::leaf(w.box.phys().number(w.head_at(a)), mm::entry::bit(mm::eb::writable)));
    std::vector<frame<checked_2019>*> pages(3);
    w.trace.clear();
    CHECK(mm::follow_page_mask(w.t.mm(), v, v.start + 5 * 4096, 0, &w.trace).page == w.box.phys().nth(w.head_at(a), 5));
    CHECK(w.trace.pages_by(path_id::fp_huge_pgd) == 1);
    REQUIRE(w.t.pin_user_pages_fast(v.start + 5 * 4096, 3, foll::write, pages, &w.trace) == 3);
    CHECK(w.trace.pages_by(path_id::fast_pgd) == 3);
    CHECK(pages[2] == w.box.phys().nth(w.head_at(a), 7));
    CHECK(w.refs(a) == 1 + 3 * 1024);
    slot.slot->set({});
    w.t.put_user_pages(pages);
    CHECK(w.refs(a) == 1);
    w.audit();
}

TEST_CASE("2019: huge pages of a size no level has hang in hugepd tables", "[hugetlb-paths]") {
    path_world<checked_2019> w(0, 3);
    const vaddr a = w.map_huge(2, false, odd_order);
    REQUIRE(w.t.store(a + 16_MiB + 5, 7) == mm::fault_result::ok);
    CHECK(w.t.load(a + 16_MiB + 5).value == 7);
    CHECK(w.letters(a + 16_MiB) == "WDY");
    CHECK(w.t.inspect(a + 16_MiB + 4095 * 4096).page.index == 4095);
    SECTION("fast: across both, each its own batch") {
        REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
        REQUIRE(w.pin_traced(a + 16_MiB - 3 * 4096, 5, foll::write, false) == 5);
        CHECK(w.trace.pages_by(path_id::fast_huge_pd) == 5);
        CHECK(w.refs(a) == 1 + 3 * 1024);
        CHECK(w.refs(a + 16_MiB) == 1 + 2 * 1024);
        CHECK(w.pages[4] == w.box.phys().nth(w.head_at(a + 16_MiB), 1));
        w.unpin(5);
    }
    SECTION("slow: the range walk faults the first in") {
        REQUIRE(w.pin_traced(a + 16_MiB - 4096, 2, foll::write, true) == 2);
        CHECK(w.trace.pages_by(path_id::fp_hugetlb_range) == 2);
        w.unpin(2);
    }
    SECTION("FP-HUGE-PD counts for GET and for PIN (DEF-08), and refuses with an error") {
        auto* const head = w.head_at(a + 16_MiB);
        const auto got = w.follow(a + 16_MiB + 9 * 4096, foll::get);
        REQUIRE(got.page == w.box.phys().nth(head, 9));
        CHECK(w.refs(a + 16_MiB) == 2);
        w.t.put_page(got.page);
        REQUIRE(w.follow(a + 16_MiB, foll::pin).page == head);
        CHECK(w.refs(a + 16_MiB) == 1025);
        w.t.put_user_page(head);
        head->count.set_raw(-5);
        CHECK(w.follow(a + 16_MiB, foll::pin).error == -err::efault);
        CHECK(w.box.warn().hits(mm::warn_id::huge_pd_grab) == 1);
        head->count.set_raw(1);
    }
    SECTION("fork, copy, unmap") {
        const auto child = w.box.fork(w.t);
        REQUIRE(child.error == 0);
        CHECK(w.refs(a + 16_MiB) == 2);
        REQUIRE((*child)->store(a + 16_MiB + 5, 8) == mm::fault_result::ok);
        CHECK(w.t.load(a + 16_MiB + 5).value == 7);
        w.audit();
        w.box.exit(**child);
    }
    w.audit();
    REQUIRE(w.t.munmap(a, 32_MiB) == 0);
    CHECK(w.stock(odd_order) == stock{3, 0});
    w.audit();
}

TEST_CASE("linux_6_12 has no hugepd tables: pages of such a size cannot be mapped", "[hugetlb-paths]") {
    path_world<checked_6_12> w(0, 1);
    CHECK(w.t.mmap(16_MiB, {.huge_order = odd_order}).error == -err::einval);
    CHECK(w.t.mmap(16_MiB, {.huge_order = 11}).error == -err::einval);  // nor are there any of this one
}

namespace {

/// An architecture that answers for one address by itself.
struct own_address {
    static constexpr bool enabled = true;
    static inline vaddr mine = 0;
    static inline void* page = nullptr;
    template <class P>
    static frame<P>* page_at(mm::physical<P>&, vaddr a, bool) noexcept {
        return a == mine ? static_cast<frame<P>*>(page) : nullptr;
    }
};
struct with_own_address : checked_2019 {
    using huge_addr = own_address;
};

}  // namespace

TEST_CASE("2019: FP-HUGE-ADDR gives its page to who wants no count, and an error to who does (DEF-05)", "[hugetlb-paths]") {
    world<with_own_address> w;
    const vaddr a = w.map(8192);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    own_address::mine = a;
    own_address::page = w.page_at(a);
    CHECK(w.t.madvise(a, 8192, mm::advice::populate_write) == 0);  // ends: the page is an answer
    CHECK(w.pin_slow(a, 1) == -err::efault);
    CHECK(w.box.warn().hits(mm::warn_id::huge_addr_get_pin) == 1);
    CHECK(w.refs(a) == 1);
    CHECK(w.pin_slow(a + 4096, 1) == 1);
    w.unpin(1);
    w.audit();
}

TEMPLATE_TEST_CASE("Sub-pages of a gigantic page are found by frame number where the memmap has holes (DEF-21)",
                   "[hugetlb-paths]", sectioned_2019, sectioned_6_12) {
    path_world<TestType> w(1);
    const vaddr a = w.map_huge(1, true, mm::pud_order);
    const bool slow = GENERATE(false, true);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    auto* const head = w.head_at(a);
    const std::uint64_t border = mm::sectioned_memmap::section;
    REQUIRE(w.pin_traced(a + (border - 2) * 4096, 4, foll::write, slow) == 4);
    for (std::uint64_t k = 0; k < 4; ++k) {
        CHECK(w.pages[k] == w.box.phys().at(w.box.phys().number(head) + (border - 2 + k)));
        CHECK(w.box.phys().head(w.pages[k]) == head);
    }
    CHECK(w.pages[2] != w.pages[1] + 1);  // the plain step would have left the section
    w.t.unpin_user_page_range_dirty_lock(w.pages[0], 4, false);
    CHECK(w.box.counters().live() == 0);
}

BOTH_PROFILES("A fast walk that loses against unmapping gives all its units back, and the pool gets the page once (DEF-03, DEF-04)",
              "[hugetlb-paths]") {
    path_world<TestType> w;
    const vaddr a = w.map_huge();
    const std::uint64_t first = GENERATE(0U, 5U);
    const auto at = GENERATE(mm::race_point::entry_read, mm::race_point::head_resolved, mm::race_point::added,
                             mm::race_point::head_checked);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const auto generation = w.head_at(a)->generation;
    auto* const head = w.head_at(a);
    hooked::once(at, [&] { (void)w.t.munmap(a, 2_MiB); });
    CHECK(w.pin(a + first * 4096, 500, foll::write) == -err::efault);
    CHECK(w.stock() == stock{4, 0});
    CHECK(head->count.refs() == 0);
    CHECK(w.box.phys().nth(head, 5)->count.refs() == 0);
    CHECK(head->generation == generation);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

TEST_CASE("2019: more pins of one page at once than the count word has are refused, not lost (DEF-18)", "[hugetlb-paths]") {
    path_world<checked_2019> w;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    // A pgd entry spans 2^27 pages. The walk asks for 2^22 of them, 2^32 units: as many as none.
    const vaddr far = 512_GiB * 3;
    const auto slot = w.t.mm().tables.slot_in(w.t.mm().tables.root(), mm::level::pgd, far);
    slot.slot->set(mm::entry::leaf(w.box.phys().number(w.head_at(a)), mm::entry::bit(mm::eb::writable)));
    constexpr long n = 1L << 22;
    CHECK(w.pin(far, n, foll::write) == -err::efault);  // and the slow path finds no mapping
    CHECK(w.box.warn().hits(mm::warn_id::grab_batch) == 1);
    CHECK(w.refs(a) == 1);
    slot.slot->set({});
    w.audit();
}

}  // namespace hugetlb_paths_tests
