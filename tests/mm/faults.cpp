// SPDX-License-Identifier: BSL-1.0
// What a fault installs, and what it counts (spec 07 §4 §19, spec 10 §2 §4).
#include "box.hpp"

namespace faults_tests {

using namespace mmt;
using mm::fault_result;

BOTH_PROFILES("an anonymous write maps a fresh page once", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(64_KiB);
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    CHECK(w.t.store(a + 5, 9) == fault_result::ok);
    const auto o = w.t.inspect(a);
    CHECK(o.letters == "WDY");
    CHECK(o.page.refs == 1);
    CHECK(o.page.mapcount == 1);
    CHECK(o.page.kind == mm::page_kind::anon);
    CHECK(o.page.flags == pick<TestType, std::string>("B", "XB"));
    CHECK(w.t.load(a + 5).value == 9);
    CHECK(w.t.load(a + 6).value == 0);
    w.audit();
}

BOTH_PROFILES("until its batch is drained a new page has one reference more", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(64_KiB);
    REQUIRE(w.t.touch(a, true) == fault_result::ok);
    frame<TestType>* head = nullptr;
    {
        const auto at = w.t.mm().tables.find(a, mm::level::pte);
        head = w.box.phys().at(at.slot->read().number());
    }
    CHECK(head->count.refs() == 2);
    w.box.phys().lru_drain_all();
    CHECK(head->count.refs() == 1);
    CHECK(head->is(mm::pg::lru));
}

BOTH_PROFILES("an anonymous read maps the zero page and counts nothing", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(64_KiB);
    const auto zero = w.box.phys().zero_page()->count.refs();
    CHECK(w.t.load(a).fault == fault_result::ok);
    CHECK(w.letters(a) == "YS");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::zero);
    CHECK(w.box.phys().zero_page()->count.refs() == zero);
    CHECK(w.t.store(a, 3) == fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.t.load(a).value == 3);
    CHECK(w.box.dma_read(w.box.phys().zero_page(), 0) == 0);
    w.audit();
}

BOTH_PROFILES("a huge page is mapped where the VMA asks for it and covers the block", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(4_MiB + 64_KiB, {.huge = true});
    REQUIRE(a % 2_MiB == 0);
    CHECK(w.t.store(a + 12345, 1) == fault_result::ok);
    auto o = w.t.inspect(a);
    CHECK(o.at == mm::level::pmd);
    CHECK(o.letters == "WDY");
    CHECK(o.page.refs == 1);
    CHECK(o.page.order == 9);
    CHECK(o.page.mapcount == 1);
    CHECK(o.page.folio_mapcount == 1);
    CHECK(w.t.store(a + 4_MiB, 1) == fault_result::ok);
    CHECK(w.t.inspect(a + 4_MiB).at == mm::level::pte);
    const vaddr b = w.map(2_MiB, {.at = vaddr{1} << 40});
    CHECK(w.t.store(b, 1) == fault_result::ok);
    CHECK(w.t.inspect(b).at == mm::level::pte);  // not asked for
    w.audit();
}

BOTH_PROFILES("a huge read maps the huge zero page with one reference per mm", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(4_MiB, {.huge = true});
    CHECK(w.t.load(a).fault == fault_result::ok);
    CHECK(w.letters(a) == "Y");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::huge_zero);
    CHECK(w.refs(a) == 2);  // the machine and this mm
    CHECK(w.t.load(a + 2_MiB).fault == fault_result::ok);
    CHECK(w.refs(a) == 2);
    auto& other = w.box.spawn();
    const auto b = other.mmap(2_MiB, {.huge = true});
    CHECK(other.load(*b).fault == fault_result::ok);
    CHECK(w.refs(a) == 3);
    w.box.exit(other);
    CHECK(w.refs(a) == 2);
    // A write splits it into zero ptes and copies one base page (spec 10 §4).
    CHECK(w.t.store(a + 4096, 1) == fault_result::ok);
    CHECK(w.letters(a) == "YS");
    CHECK(w.letters(a + 4096) == "WDY");
    CHECK(w.letters(a + 8192) == "YS");
    CHECK(w.letters(a + 2_MiB) == "Y");
    w.audit();
}

BOTH_PROFILES("without the huge zero page a huge read gets memory", "[faults]") {
    mm::options o = small();
    o.use_huge_zero = false;
    world<TestType> w(o);
    const vaddr a = w.map(2_MiB, {.huge = true});
    CHECK(w.t.load(a).fault == fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::anon);
    w.audit();
}

BOTH_PROFILES("shmem: a hole becomes a cached page, writable at once where it is shared", "[faults]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 64_KiB);
    const vaddr a = w.map(64_KiB, {.shared = true, .source = &f});
    CHECK(w.t.load(a).fault == fault_result::ok);
    CHECK(w.letters(a) == "WY");
    CHECK(w.refs(a) == 2);
    CHECK(w.flags(a) == "B");
    CHECK(w.t.store(a, 4) == fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "B");  // a store through a writable entry sets only the entry
    CHECK(w.t.store(a + 4096, 4) == fault_result::ok);
    CHECK(w.flags(a + 4096) == "DB");
    const vaddr b = w.map(64_KiB, {.shared = true, .source = &f});
    CHECK(w.t.load(b).value == 4);
    CHECK(w.refs(b) == 3);
    CHECK(w.t.inspect(b).page.mapcount == 2);
    CHECK(w.t.load(b + 4096).value == 4);
    w.audit();
}

BOTH_PROFILES("shmem private: read maps the file's page, write copies it", "[faults]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::memfd, 16_KiB, mm::fill::pattern);
    const vaddr a = w.map(16_KiB, {.source = &f});
    CHECK(w.t.load(a + 4096).value == 2);
    CHECK(w.letters(a + 4096) == "Y");
    CHECK(w.letters(a) == "Y");  // fault-around
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::shmem);
    CHECK(w.t.store(a + 4096, 77) == fault_result::ok);
    CHECK(w.letters(a + 4096) == "WDY");
    CHECK(w.t.inspect(a + 4096).page.kind == mm::page_kind::anon);
    CHECK(w.t.load(a + 4097).value == 2);
    const vaddr b = w.map(16_KiB, {.source = &f});
    CHECK(w.t.load(b + 4096).value == 2);
    CHECK(w.t.store(b, 5) == fault_result::ok);  // straight to a copy
    CHECK(w.letters(b) == "WDY");
    w.audit();
}

BOTH_PROFILES("shared anonymous memory is shmem", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(16_KiB, {.shared = true});
    CHECK(w.t.store(a, 1) == fault_result::ok);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::shmem);
    CHECK(w.refs(a) == 2);
    w.audit();
}

BOTH_PROFILES("fault-around maps cached pages of the window, never beyond the VMA or the end", "[faults]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::tmpfs, 40 * 4096, mm::fill::pattern);
    const vaddr a = w.map(40 * 4096, {.source = &f, .at = vaddr{1} << 40});
    CHECK(w.t.load(a + 20 * 4096).value == 21);
    for (std::uint64_t k = 0; k < 40; ++k)
        CHECK((w.t.inspect(a + k * 4096).map == mm::entry_kind::leaf) == (k >= 16 && k < 32));
    auto& sparse = w.box.create_file(mm::file_kind::tmpfs, 40 * 4096);
    const vaddr b = w.map(16 * 4096, {.source = &sparse, .offset = 4096, .at = vaddr{1} << 41});
    CHECK(w.t.load(b).fault == fault_result::ok);
    CHECK(w.t.inspect(b + 4096).map == mm::entry_kind::none);  // nothing cached: nothing brought in
    CHECK(w.t.store(b + 2 * 4096, 1) == fault_result::ok);
    CHECK(w.t.inspect(b + 4096).map == mm::entry_kind::none);  // a write maps one page
    w.audit();
}

BOTH_PROFILES("ext4: a miss reads 32 pages around; a retried fault maps them, one that may not drop the lock one",
              "[faults]") {
    const auto present = [](auto& w, vaddr a, std::uint64_t n) {
        std::string s;
        for (std::uint64_t k = 0; k < n; ++k) s += w.t.inspect(a + k * 4096).map == mm::entry_kind::leaf ? '1' : '0';
        return s;
    };
    SECTION("four pages, one touch") {
        world<TestType> w;
        auto& f = w.box.create_file(mm::file_kind::ext4, 4 * 4096, mm::fill::pattern);
        const vaddr a = w.map(4 * 4096, {.source = &f});
        CHECK(w.t.load(a + 4096).value == 2);
        CHECK(present(w, a, 4) == "1111");
        CHECK(w.refs(a) == 2);
        w.audit();
    }
    SECTION("eight pages: the marked one only if it is touched") {
        world<TestType> w;
        auto& f = w.box.create_file(mm::file_kind::ext4, 8 * 4096, mm::fill::pattern);
        const vaddr a = w.map(8 * 4096, {.source = &f});
        CHECK(w.t.load(a + 4096).value == 2);
        CHECK(present(w, a, 8) == "01111111");
        CHECK(w.t.load(a).value == 1);
        CHECK(present(w, a, 8) == "11111111");
        w.audit();
    }
    SECTION("the slow call keeps the lock: one page, and the next read maps the rest") {
        world<TestType> w;
        auto& f = w.box.create_file(mm::file_kind::ext4, 4 * 4096, mm::fill::pattern);
        const vaddr a = w.map(4 * 4096, {.source = &f});
        CHECK(w.pin_slow(a, 1) == 1);
        CHECK(present(w, a, 4) == "1000");
        w.unpin(1);
        CHECK(w.t.load(a + 8192).value == 3);
        CHECK(present(w, a, 4) == "1111");
        w.audit();
    }
}

BOTH_PROFILES("ext4 shared: the first write tells the filesystem", "[faults]") {
    world<TestType> w;
    auto& f = w.box.create_file(mm::file_kind::ext4, 4 * 4096, mm::fill::pattern);
    const vaddr a = w.map(4 * 4096, {.shared = true, .source = &f});
    CHECK(w.t.load(a).value == 1);
    CHECK(w.letters(a) == "Y");
    CHECK(w.refs(a) == 2);
    CHECK(w.t.store(a, 9) == fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.refs(a) == 3);  // buffers
    CHECK(w.flags(a) == "D");
    w.audit();
}

BOTH_PROFILES("what is not allowed is a signal, and changes nothing", "[faults]") {
    world<TestType> w;
    const vaddr a = w.map(16_KiB, {.prot = mm::prot::read});
    CHECK(w.t.store(a, 1) == fault_result::sigsegv);
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    CHECK(w.t.load(a + 1_MiB).fault == fault_result::sigsegv);
    const vaddr none = w.map(16_KiB, {.prot = mm::prot::none});
    CHECK(w.t.load(none).fault == fault_result::sigsegv);
    const vaddr code = w.map(16_KiB, {.prot = mm::prot::exec});
    CHECK(w.t.load(code).fault == fault_result::sigsegv);
    auto& f = w.box.create_file(mm::file_kind::tmpfs, 4096 + 10, mm::fill::pattern);
    const vaddr b = w.map(16_KiB, {.source = &f});
    CHECK(w.t.load(b + 4096 + 9).value == 2);
    CHECK(w.t.load(b + 4096 + 11).value == 0);  // the rest of the last page
    CHECK(w.t.load(b + 8192).fault == fault_result::sigbus);
    w.audit();
}

BOTH_PROFILES("memory out is an answer of the fault, and leaves no trace", "[faults]") {
    world<TestType> w(small(8_MiB));
    const vaddr a = w.map(16_MiB);
    const std::uint64_t got = w.t.fault_in(a, 4096, true);
    CHECK(got > 1900);
    CHECK(w.t.touch(a + got * 4096, true) == fault_result::oom);
    CHECK(w.pin(a + got * 4096, 1, foll::write) == -err::enomem);
    w.audit();
    CHECK(w.t.munmap(a, 16_MiB) == 0);
    CHECK(w.t.touch(w.map(4096), true) == fault_result::ok);
    w.audit();
}

BOTH_PROFILES("splitting a huge entry turns one reference into 512", "[faults]") {
    world<TestType> w;
    const vaddr a = w.huge();
    w.split_entry(a);
    const auto o = w.t.inspect(a + 7 * 4096);
    CHECK(o.at == mm::level::pte);
    CHECK(o.letters == "WDY");
    CHECK(o.page.refs == 512);
    CHECK(o.page.mapcount == 1);
    CHECK(o.page.folio_mapcount == 512);
    CHECK(o.page.index == 7);
    CHECK(o.page.flags == pick<TestType, std::string>("DB", "XDB"));
    CHECK(w.t.load(a).value == 1);
    CHECK(w.t.madvise(a + 4096, 4096, mm::advice::dontneed) == 0);
    CHECK(w.refs(a) == 511);
    CHECK(w.t.inspect(a).page.order == 9);
    w.audit();
    CHECK(w.t.munmap(a, 2_MiB) == 0);
    w.audit();
}

BOTH_PROFILES("files of devices have no size to change, and one that the machine has no room for has no pages", "[faults]") {
    world<TestType> w;
    auto& f = w.box.create_device_file(2_MiB);
    CHECK(f.size == 2_MiB);
    CHECK(w.box.truncate(f, 0) == -err::einval);
    CHECK(w.box.create_device_file(1_GiB).size == 0);
}

}  // namespace faults_tests
