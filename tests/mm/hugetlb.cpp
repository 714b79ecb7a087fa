// SPDX-License-Identifier: BSL-1.0
// hugetlb: pools, promises, faults, copies. Source: spec 07 §9 B9 B10 B19, spec 10 §13.
#include <atomic>
#include <thread>

#include "hugetlb_box.hpp"

namespace hugetlb_tests {

using namespace mmt;

BOTH_PROFILES("A private huge page costs one reference and shows its letters", "[hugetlb]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge();
    SECTION("read first") {
        REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
        CHECK(w.letters(a) == "Y");
    }
    SECTION("written first") {
        REQUIRE(w.t.touch(a + 5000, true) == mm::fault_result::ok);
        CHECK(w.letters(a) == "WDY");
    }
    CHECK(w.refs(a) == 1);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::hugetlb_anon);
    CHECK(w.flags(a) == pick<TestType>(std::string(""), std::string("X")));
    CHECK(w.t.inspect(a + 511 * mm::page_size).page.index == 511);
    w.audit();
}

BOTH_PROFILES("A shared huge page is in its file's cache, writable at once and dirty", "[hugetlb]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge(1, true);
    REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.refs(a) == pick<TestType>(1, 512) + 1);  // the cache, the mapping
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::hugetlb_file);
    CHECK(w.flags(a) == "D");
    w.audit();
}

BOTH_PROFILES("Pins of sub-pages count on the head, whichever way they are taken and given back", "[hugetlb]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge(2);
    const long start = GENERATE(0L, 5L, 511L);
    const long n = GENERATE(1L, 300L, 512L, 700L);
    const bool slow = GENERATE(false, true);
    REQUIRE(w.t.touch(a, true) == mm::fault_result::ok);
    const vaddr from = a + static_cast<std::uint64_t>(start) * mm::page_size;
    const long in_range = std::min(n, 1024 - start);
    const long got = slow ? w.pin_slow(from, n, foll::write) : w.pin(from, n, foll::write);
    REQUIRE(got == in_range);
    const long first = std::min(got, 512 - start);
    CHECK(w.refs(a) == 1 + pins<TestType>(first));
    for (long k = 0; k < got; ++k)
        CHECK(w.pages[static_cast<std::size_t>(k)] == w.page_at(from + static_cast<std::uint64_t>(k) * mm::page_size));
    w.audit();
    w.t.unpin_user_pages({w.pages.data(), 1});
    w.t.unpin_user_pages_dirty_lock({w.pages.data() + 1, static_cast<std::size_t>(got - 1)}, got > 1);
    CHECK(w.refs(a) == 1);
    CHECK(w.box.counters().live() == 0);
    w.audit();
}

BOTH_PROFILES("Direct I/O into a huge page that is unmapped meanwhile leaves the pool as it was", "[hugetlb]") {
    // The four buffers of the kernel's own test, as pages touched: HD-1 to HD-4.
    huge_world<TestType> w;
    const auto [offset, len] = GENERATE(std::pair<std::uint64_t, std::uint64_t>{0, 3 * 4096}, std::pair<std::uint64_t, std::uint64_t>{0, 10240},
                                        std::pair<std::uint64_t, std::uint64_t>{2048, 10240}, std::pair<std::uint64_t, std::uint64_t>{2048, 12288});
    const auto before = w.pool().state().free;
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const long n = static_cast<long>((offset + len + mm::page_size - 1) / mm::page_size);
    REQUIRE(w.pin(a + offset, n, foll::write) == n);
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(w.pool().state().free == before - 1);
    w.unpin(n);
    CHECK(w.pool().state().free == before);
    CHECK(w.stock() == stock{before, 0});
    w.audit();
}

TEST_CASE("A fault that finds the place of a huge page empty finds its promise too", "[hugetlb]") {
    huge_world<checked_6_12> w(4);
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    std::thread fault;
    auto answer = mm::fault_result::sigbus;
    std::atomic<bool> over{false};
    hooked::once(mm::race_point::cleared, [&] {  // the entry's lock is held: the other takes its page and waits for it
        fault = std::thread([&] {
            answer = w.t.touch(a, true);
            over = true;
        });
        while (w.stock().first == 3 && !over) std::this_thread::yield();
    });
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::dontneed) == 0);
    fault.join();
    CHECK(answer == mm::fault_result::ok);
    CHECK(w.stock() == stock{3, 0});
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(w.stock() == stock{4, 0});
    w.audit();
}

BOTH_PROFILES("A promise that cannot be kept whole is not made, and the pool is as large as before", "[hugetlb]") {
    huge_world<TestType> w(2);
    REQUIRE(w.pool().set_overcommit(2));
    CHECK(w.t.mmap(10_MiB, {.huge_order = mm::pmd_order}).error == -err::enomem);
    CHECK(w.stock() == stock{2, 0});
    CHECK(w.pool().state().pages == 2);
    CHECK(w.pool().state().surplus == 0);
    w.map_huge(4);
    CHECK(w.pool().state().surplus == 2);
    w.audit();
}

BOTH_PROFILES("A hugetlb file is read like any file: holes are zero, and nothing is taken for them", "[hugetlb]") {
    huge_world<TestType> w(2);
    mm::file& f = w.box.create_huge_file(4_MiB, mm::pmd_order);
    const vaddr a = w.map(4_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a + 2_MiB + 4097, 7) == mm::fault_result::ok);
    CHECK(w.box.pread(f, 2_MiB + 4097) == 7);
    CHECK(w.box.pread(f, 0) == 0);
    CHECK(w.box.pread(f, 4_MiB) == mm::end_of_file);
    CHECK(w.stock() == stock{1, 1});
    {  // a fault that finds its work done
        const std::shared_lock lock(w.t.mm().mmap_lock);
        CHECK(mm::handle_fault(w.t.mm(), *w.t.mm().find(a + 2_MiB), a + 2_MiB, mm::ff::write) == mm::fault_result::ok);
    }
    CHECK(w.letters(a + 2_MiB) == "WDY");
    w.audit();
}

TEST_CASE("A pool of pages larger than any free range stays empty", "[hugetlb]") {
    huge_world<checked_6_12> w;
    CHECK(w.pool(mm::pud_order).resize(1) == 0);
    CHECK(w.t.mmap(1_GiB, {.huge_order = mm::pud_order}).error == -err::enomem);
    w.audit();
}

BOTH_PROFILES("A huge page that has failed has failed for the child, too", "[hugetlb]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge(2);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.t.store(a + 2_MiB, 2) == mm::fault_result::ok);
    auto& phys = w.box.phys();
    (void)mm::memory_failure(phys, phys.number(w.page_at(a + 5 * 4096)));
    REQUIRE(w.t.inspect(a).map == mm::entry_kind::hwpoison);
    const auto child = w.box.fork(w.t);
    REQUIRE(child.error == 0);
    CHECK((*child)->inspect(a).map == mm::entry_kind::hwpoison);
    CHECK((*child)->load(a).fault == mm::fault_result::hwpoison);
    CHECK((*child)->load(a + 2_MiB).value == 2);
    w.audit();
}

TEST_CASE("What is promised follows the mapping, the fault, the unmapping and the last pin", "[hugetlb]") {
    huge_world<checked_6_12> w(4);
    CHECK(w.stock() == stock{4, 0});
    SECTION("private: promised at mmap, used by the fault, back with the page") {
        const vaddr a = w.map_huge(3);
        CHECK(w.stock() == stock{4, 3});
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        CHECK(w.stock() == stock{3, 2});
        REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::dontneed) == 0);
        CHECK(w.stock() == stock{4, 3});
        REQUIRE(w.t.munmap(a, 6_MiB) == 0);
        CHECK(w.stock() == stock{4, 0});
    }
    SECTION("a pin keeps the page: the promise is one short until it goes (NR-6)") {
        const vaddr a = w.map_huge();
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        CHECK(w.stock() == stock{3, 0});
        REQUIRE(w.t.munmap(a, 2_MiB) == 0);
        CHECK(w.stock() == stock{3, -1});
        w.unpin(1);
        CHECK(w.stock() == stock{4, 0});
    }
    SECTION("DONTNEED of a pinned page: the next fault takes another and the books are even at the unpin") {
        const vaddr a = w.map_huge();
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::dontneed) == 0);
        CHECK(w.stock() == stock{3, 0});
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        CHECK(w.stock() == stock{2, -1});
        w.unpin(1);
        CHECK(w.stock() == stock{3, 0});
    }
    SECTION("DONTNEED of part of a page does nothing; from the middle of one it is refused") {
        const vaddr a = w.map_huge();
        REQUIRE(w.t.store(a, 7) == mm::fault_result::ok);
        CHECK(w.t.madvise(a, 1_MiB, mm::advice::dontneed) == 0);
        CHECK(w.t.load(a).value == 7);
        CHECK(w.t.madvise(a + 1_MiB, 1_MiB, mm::advice::dontneed) == -err::einval);
        CHECK(w.t.munmap(a, 1_MiB) == -err::einval);
        CHECK(w.t.mprotect(a + 4096, 4096, mm::prot::read) == -err::einval);
    }
    SECTION("shared anonymous: goes home with its last mapping, or its last pin") {
        const vaddr a = w.map_huge(2, true);
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        CHECK(w.stock() == stock{3, 1});
        REQUIRE(w.t.munmap(a, 4_MiB) == 0);
        CHECK(w.stock() == stock{3, 0});
        w.unpin(1);
        CHECK(w.stock() == stock{4, 0});
    }
    SECTION("a file keeps what was promised to it until it is cut or closed") {
        mm::file& f = w.box.create_huge_file(8_MiB, mm::pmd_order);
        const vaddr a = w.map(8_MiB, {.shared = true, .source = &f});
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        REQUIRE(w.t.munmap(a, 8_MiB) == 0);
        CHECK(w.stock() == stock{3, 3});
        SECTION("cut") {
            REQUIRE(w.box.truncate(f, 4_MiB) == 0);
            CHECK(w.stock() == stock{3, 1});
            CHECK(w.box.truncate(f, 1_MiB) == -err::einval);
        }
        SECTION("punched") {
            REQUIRE(w.box.fallocate(f, mm::file_change::punch, 0, 2_MiB) == 0);
            CHECK(w.stock() == stock{4, 3});
        }
        w.box.close(f);
        CHECK(w.stock() == stock{4, 0});
    }
    SECTION("not enough: ENOMEM, and nothing is promised") {
        CHECK(w.t.mmap(10_MiB, {.huge_order = mm::pmd_order}).error == -err::enomem);
        CHECK(w.t.mmap(10_MiB, {.shared = true, .huge_order = mm::pmd_order}).error == -err::enomem);
        CHECK(w.stock() == stock{4, 0});
    }
    SECTION("noreserve: nothing promised, and what others were promised is not touched") {
        w.map_huge(3);
        const vaddr a = w.map(4_MiB, {.huge_order = mm::pmd_order, .noreserve = true});
        CHECK(w.stock() == stock{4, 3});
        CHECK(w.t.store(a, 1) == mm::fault_result::ok);
        CHECK(w.t.store(a + 2_MiB, 1) == mm::fault_result::sigbus);
        CHECK(w.pin(a, 600, foll::write) == 512);  // PS-10
        w.unpin(512);
        CHECK(w.pin_slow(a + 2_MiB, 1, foll::write) == -err::efault);
        CHECK(w.stock() == stock{3, 3});
    }
    w.audit();
}

TEST_CASE("2019: a page taken by the owner and unmapped does not bring its promise back", "[hugetlb]") {
    huge_world<checked_2019> w(2);
    const vaddr a = w.map_huge();
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(w.stock() == stock{1, 0});
    w.unpin(1);
    CHECK(w.stock() == stock{2, 0});
    w.audit();
}

BOTH_PROFILES("A pool grows and shrinks; what is in use stays, as surplus, and goes home when freed", "[hugetlb]") {
    huge_world<TestType> w(2);
    CHECK(w.pool().resize(5) == 5);
    const vaddr a = w.map_huge(2);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    CHECK(w.pool().resize(0) == 2);  // one in use, one promised
    CHECK(w.pool().state().surplus == 2);
    const auto free_before = w.box.free_pages();
    REQUIRE(w.t.munmap(a, 4_MiB) == 0);
    CHECK(w.pool().state().pages == 0);
    CHECK(w.pool().state().reserved == 0);
    CHECK(w.box.free_pages() >= free_before + 1024);
    CHECK(w.pool().resize(3) == 3);
    w.audit();
}

BOTH_PROFILES("Overcommitted pages are made when they are needed and not kept", "[hugetlb]") {
    huge_world<TestType> w(1);
    CHECK(w.pool().set_overcommit(2));
    CHECK_FALSE(w.pool(mm::pud_order).set_overcommit(1));
    const vaddr a = w.map_huge(3);
    CHECK(w.pool().state().surplus == 2);
    CHECK(w.t.mmap(2_MiB, {.huge_order = mm::pmd_order}).error == -err::enomem);
    for (std::uint64_t k = 0; k < 3; ++k) REQUIRE(w.t.store(a + k * 2_MiB, 1) == mm::fault_result::ok);
    REQUIRE(w.t.munmap(a, 6_MiB) == 0);
    CHECK(w.pool().state().pages == 1);
    CHECK(w.stock() == stock{1, 0});
    CHECK(w.pool().state().surplus == 0);
    w.audit();
}

BOTH_PROFILES("A private mapping of a hugetlb file shows the file until it is written", "[hugetlb]") {
    huge_world<TestType> w;
    mm::file& f = w.box.create_huge_file(2_MiB, mm::pmd_order);
    const vaddr s = w.map(2_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(s, 5) == mm::fault_result::ok);
    const vaddr a = w.map(2_MiB, {.source = &f});
    CHECK(w.t.load(a).value == 5);
    CHECK(w.page_at(a) == w.page_at(s));
    CHECK(w.letters(a) == "Y");
    REQUIRE(w.pin(a, 1) == 1);  // a short read pin goes stale at the next write
    REQUIRE(w.t.store(a, 6) == mm::fault_result::ok);
    CHECK(w.t.load(s).value == 5);
    CHECK(w.box.dma_read(w.pages[0], 0) == 5);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::hugetlb_anon);
    w.unpin(1);
    w.audit();
}

TEST_CASE("A long-term read pin of a file's huge page in a private mapping copies it first", "[hugetlb]") {
    huge_world<checked_6_12> w;
    mm::file& f = w.box.create_huge_file(2_MiB, mm::pmd_order);
    const vaddr s = w.map(2_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(s, 5) == mm::fault_result::ok);
    const vaddr a = w.map(2_MiB, {.source = &f});
    REQUIRE(w.t.touch(a, false) == mm::fault_result::ok);
    const bool slow = GENERATE(false, true);
    REQUIRE((slow ? w.pin_slow(a, 1, foll::longterm) : w.pin(a, 1, foll::longterm)) == 1);
    CHECK(w.letters(a) == "Y");
    CHECK(w.flags(a) == "X");
    REQUIRE(w.t.store(a, 6) == mm::fault_result::ok);
    CHECK(w.box.dma_read(w.pages[0], 0) == 6);
    CHECK(w.t.load(s).value == 5);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("A read-only huge mapping refuses write pins, forced or not", "[hugetlb]") {
    huge_world<TestType> w;
    const vaddr a = w.map(2_MiB, {.prot = mm::prot::read, .huge_order = mm::pmd_order});
    REQUIRE(w.pin(a, 1) == 1);
    w.unpin(1);
    CHECK(w.pin(a, 1, foll::write) == -err::efault);
    CHECK(w.pin_slow(a, 1, foll::write | foll::force) == -err::efault);
    CHECK(w.refs(a) == 1);
    w.audit();
}

BOTH_PROFILES("Cutting a file takes its pages out of every mapping; pins keep theirs", "[hugetlb]") {
    huge_world<TestType> w;
    mm::file& f = w.box.create_huge_file(4_MiB, mm::pmd_order);
    const vaddr a = w.map(4_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 9) == mm::fault_result::ok);
    REQUIRE(w.t.store(a + 2_MiB, 8) == mm::fault_result::ok);
    REQUIRE(w.pin(a + 2_MiB, 1, foll::write) == 1);
    frame<TestType>* pinned = w.pages[0];
    REQUIRE(w.box.truncate(f, 2_MiB) == 0);
    CHECK(w.t.load(a).value == 9);
    CHECK(w.t.load(a + 2_MiB).fault == mm::fault_result::sigbus);
    CHECK(w.box.state_of(pinned).kind == mm::page_kind::hugetlb_file);
    CHECK(w.box.state_of(pinned).refs == pins<TestType>(1));
    CHECK(w.box.dma_read(pinned, 0) == 8);
    w.unpin(1);
    REQUIRE(w.box.fallocate(f, mm::file_change::punch, 4096, 100) == 0);  // inside a page: zeroed in place
    CHECK(w.t.load(a).value == 9);
    REQUIRE(w.box.fallocate(f, mm::file_change::punch, 0, 10) == 0);
    CHECK(w.t.load(a).value == 0);
    w.audit();
}

BOTH_PROFILES("mprotect of huge pages: shared ones become writable again, private ones by a fault", "[hugetlb]") {
    huge_world<TestType> w;
    const bool shared = GENERATE(false, true);
    const vaddr a = w.map_huge(1, shared);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    frame<TestType>* const before = w.page_at(a);
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0);
    CHECK(w.letters(a) == "DY");
    CHECK(w.t.store(a, 2) == mm::fault_result::sigsegv);
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::rw) == 0);
    CHECK(w.letters(a) == (shared ? "WDY" : "DY"));
    REQUIRE(w.t.store(a, 2) == mm::fault_result::ok);
    CHECK(w.page_at(a) == before);
    w.audit();
}

BOTH_PROFILES("A huge page of a pool that moves while its access is taken away arrives without it", "[hugetlb]") {
    huge_world<TestType> w;
    const vaddr a = w.map_huge(1, true);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    auto& phys = w.box.phys();
    const unsigned access = GENERATE(mm::prot::none, mm::prot::read);
    auto* const head = w.head_at(a);
    hooked::once(mm::race_point::unmapped, [&] { REQUIRE(w.t.mprotect(a, 2_MiB, access) == 0); });
    REQUIRE(mm::isolate(phys, head));
    REQUIRE(mm::migrate_folio(phys, head, {}) == 0);
    CHECK(w.head_at(a) != head);
    CHECK(w.t.store(a, 2) == mm::fault_result::sigsegv);
    CHECK(w.t.inspect(a).raw.denies_access() == (access == mm::prot::none));
    CHECK(w.pin(a, 1, foll::write) == -err::efault);
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::rw) == 0);
    CHECK(w.t.load(a).value == 1);
    CHECK(w.letters(a) == "WDY");
    w.audit();
}

BOTH_PROFILES("Failed memory in a huge page is taken from everybody, and the rest of the page is free again", "[hugetlb]") {
    huge_world<TestType> w(3);
    const bool shared = GENERATE(false, true);
    mm::file& f = w.box.create_huge_file(2_MiB, mm::pmd_order);
    const vaddr a = shared ? w.map(2_MiB, {.shared = true, .source = &f}) : w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    REQUIRE(w.pin(a + 7 * 4096, 1, foll::write) == 1);
    auto* const head = w.head_at(a);
    const mm::pfn n = w.box.phys().number(head) + 9;
    auto& phys = w.box.phys();

    const auto report = mm::memory_failure(phys, n);
    CHECK(report.fate == mm::failure_fate::still_referenced);
    CHECK(report.holders == pins<TestType>(1));
    CHECK(report.users.size() == 1);
    CHECK(mm::memory_failure(phys, n).fate == mm::failure_fate::known);
    CHECK(w.t.load(a).fault != mm::fault_result::ok);
    std::vector<frame<TestType>*> pages(1);
    CHECK(w.t.get_user_pages(a, 1, 0, pages) == -err::efault);
    CHECK(w.t.get_user_pages(a, 1, foll::hwpoison, pages) == -err::ehwpoison);
    w.audit();

    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    w.unpin(1);
    w.box.close(f);
    CHECK(w.pool().state().pages == 2);
    CHECK(w.pool().state().free == 2);
    CHECK(phys.at(n)->is(mm::pg::hwpoison));
    CHECK_FALSE(phys.at(n)->is(mm::pg::buddy));
    w.audit();
}

BOTH_PROFILES("Failed memory in a free huge page leaves the pool one page smaller", "[hugetlb]") {
    huge_world<TestType> w(1);
    const vaddr a = w.map_huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    const mm::pfn n = w.box.phys().number(w.head_at(a)) + 3;
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    const auto before = w.box.free_pages();
    CHECK(mm::memory_failure(w.box.phys(), n).fate == mm::failure_fate::unused);
    CHECK(w.pool().state().pages == 0);
    CHECK(w.box.free_pages() >= before + 511);
    CHECK(w.t.mmap(2_MiB, {.huge_order = mm::pmd_order}).error == -err::enomem);
    w.audit();
}

}  // namespace hugetlb_tests
