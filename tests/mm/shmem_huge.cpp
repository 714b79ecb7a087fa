// SPDX-License-Identifier: BSL-1.0
// Huge folios of memory files: who makes them, who maps them how, and what becomes of them when a part is cut off.
// Source: spec 10 §1 §2 §4 §12, spec 07 B13.
#include "sharing_box.hpp"

namespace shmem_huge_tests {

namespace {

using namespace mmt;

template <class P>
struct huge_files : family<P> {
    using family<P>::family;

    mm::file& hole(mm::file_kind kind = mm::file_kind::tmpfs_huge, std::uint64_t size = 2_MiB) {
        return this->box.create_file(kind, size);
    }
    mm::file& filled() { return this->box.create_file(mm::file_kind::tmpfs_huge, 2_MiB, mm::fill::pattern); }
    vaddr map_file(mm::file& f, mm::mapping m = {.shared = true}) { return map_file(this->t, f, 2_MiB, m); }
    vaddr map_file(mm::task<P>& who, mm::file& f, std::uint64_t len, mm::mapping m) {
        m.kind = mm::map_kind::file;
        m.source = &f;
        m.huge = true;
        const auto r = who.mmap(len, m);
        REQUIRE(r.error == 0);
        return *r;
    }
    bool is_huge(vaddr a) { return this->t.inspect(a).at == mm::level::pmd; }
    int punch(mm::file& f, std::uint64_t first, std::uint64_t last) {
        return this->box.fallocate(f, mm::file_change::punch, first * one, (last - first) * one);
    }
};

BOTH_PROFILES("a hole is filled by a huge folio, which a pmd maps", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.hole();
    const vaddr a = w.map_file(f);
    CHECK(w.byte(w.t, a + 9 * one) == 0);
    const auto o = w.t.inspect(a);
    CHECK(o.at == mm::level::pmd);
    CHECK(o.letters == "WY");
    CHECK(o.page.kind == mm::page_kind::shmem);
    CHECK(o.page.order == 9);
    CHECK(o.page.refs == 513);
    CHECK(o.page.flags == "B");
    mm::file& g = w.hole();
    const vaddr b = w.map_file(g);
    w.put_byte(w.t, b + 9 * one, 1);
    CHECK(w.letters(b) == "WDY");
    CHECK(w.flags(b) == "DB");
    w.audit();
}

BOTH_PROFILES("a filled file has huge folios from the start", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f, {.prot = mm::prot::read, .shared = true});
    CHECK(w.byte(w.t, a + 200 * one) == (200 & 0x7f) + 1);
    CHECK(w.letters(a) == "Y");
    CHECK(w.flags(a) == "DB");
    CHECK(w.is_huge(a));
    w.audit();
}

BOTH_PROFILES("a private mapping reads through a pmd and copies one page on write", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f, {});
    CHECK(w.byte(w.t, a) == 1);
    CHECK(w.is_huge(a));
    CHECK(w.letters(a) == "Y");
    w.put_byte(w.t, a + 7 * one, 200);
    CHECK(w.t.inspect(a + 7 * one).page.kind == mm::page_kind::anon);
    CHECK(w.map_of(a) == mm::entry_kind::none);  // the pmd is gone, its other pages are to be faulted again
    CHECK(w.byte(w.t, a + 8 * one) == 9);
    CHECK(w.t.inspect(a + 8 * one).page.kind == mm::page_kind::shmem);
    CHECK(w.byte(w.t, a + 7 * one) == 200);
    w.audit();
}

TEST_CASE("a long-term read pin of a private mapping takes one page of its own", "[shmem-huge]") {
    huge_files<checked_6_12> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f, {});
    CHECK(w.byte(w.t, a) == 1);
    REQUIRE(w.is_huge(a));
    REQUIRE(w.pin(a + 3 * one, 1, foll::longterm) == 1);
    CHECK(w.t.inspect(a + 3 * one).page.kind == mm::page_kind::anon);
    CHECK(w.pages[0] == w.page_at(a + 3 * one));
    CHECK(w.seen_by_device() == 4);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("where a pmd does not fit, ptes map the folio", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(w.t, f, 100 * one, {.shared = true});
    CHECK(w.byte(w.t, a + 3 * one) == 4);
    CHECK(w.t.inspect(a + 3 * one).at == mm::level::pte);
    CHECK(w.t.inspect(a + 3 * one).page.order == 9);
    CHECK(w.refs(a) == 512 + 16);  // the window around the fault
    w.put_byte(w.t, a + 50 * one, 1);
    CHECK(w.refs(a) == 512 + 17);
    const vaddr b = w.map_file(w.t, f, one, {.shared = true, .offset = 100 * one});
    CHECK(w.byte(w.t, b) == 101);
    CHECK(w.t.inspect(b).page.index == 100);
    w.audit();
}

TEST_CASE("one write fault maps all ptes of a folio, if no pmd may", "[shmem-huge]") {
    huge_files<checked_6_12> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::nohugepage) == 0);
    w.put_byte(w.t, a + 50 * one, 1);
    CHECK(w.t.inspect(a + 511 * one).letters == "WDY");
    CHECK(w.refs(a) == 1024);
    w.audit();
}

TEST_CASE("a pin that wants ptes drops the pmd of a file", "[shmem-huge]") {
    huge_files<checked_6_12> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f);
    w.put_byte(w.t, a, 1);
    REQUIRE(w.is_huge(a));
    REQUIRE(w.pin_slow(a, 1, foll::split_pmd | foll::write) == 1);
    CHECK_FALSE(w.is_huge(a));
    CHECK(w.t.inspect(a).page.pins == 1);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("a long-term pin of all 512 pages", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.hole();
    const vaddr a = w.map_file(f);
    REQUIRE(w.pin(a, 512, foll::write | foll::longterm) == 512);
    CHECK(w.is_huge(a));
    w.unpin(512);
    CHECK(w.refs(a) == 513);
    w.audit();
}

BOTH_PROFILES("protecting or unmapping a part drops the whole pmd", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f);
    w.put_byte(w.t, a, 50);
    REQUIRE(w.t.mprotect(a, 100 * one, mm::prot::read) == 0);
    CHECK(w.map_of(a) == mm::entry_kind::none);
    CHECK(w.map_of(a + 200 * one) == mm::entry_kind::none);
    CHECK(w.byte(w.t, a) == 50);
    CHECK(w.byte(w.t, a + 200 * one) == (200 & 0x7f) + 1);
    REQUIRE(w.t.munmap(a, one) == 0);
    CHECK(w.byte(w.t, a + one) == 2);
    w.audit();
}

BOTH_PROFILES("a folio nobody holds comes apart where it is punched", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f);
    CHECK(w.byte(w.t, a) == 1);
    auto* const fourth = w.page_at(a + 3 * one);
    const auto free = w.box.free_pages();
    REQUIRE(w.punch(f, 100, 200) == 0);
    CHECK(w.box.free_pages() == free + 100);
    CHECK(w.byte(w.t, a + 3 * one) == 4);
    CHECK(w.page_at(a + 3 * one) == fourth);
    CHECK(w.t.inspect(a + 3 * one).page.order == 0);
    CHECK(w.refs(a + 3 * one) == 2);
    CHECK(w.byte(w.t, a + 100 * one) == 0);
    CHECK(w.byte(w.t, a + 200 * one) == (200 & 0x7f) + 1);
    w.audit();
}

BOTH_PROFILES("a folio somebody holds stays whole where it is punched, and the holder sees zeros", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.hole();
    const vaddr a = w.map_file(f);
    const bool written = GENERATE(true, false);
    if (written) w.put_byte(w.t, a + 150 * one, 9);
    REQUIRE(w.pin(a + 150 * one, 1) == 1);
    CHECK(w.seen_by_device() == (written ? 9 : 0));
    REQUIRE(w.punch(f, 100, 200) == 0);
    CHECK(w.map_of(a) == mm::entry_kind::none);
    CHECK(w.seen_by_device() == 0);
    CHECK(w.byte(w.t, a + 99 * one) == 0);
    CHECK(w.is_huge(a));
    CHECK(w.page_at(a + 150 * one) == w.pages[0]);
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("truncation into a folio: unheld it loses its end, held it stays whole behind the end", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f);
    REQUIRE(w.get(a + 300 * one, 1) == 1);
    REQUIRE(w.box.truncate(f, 1_MiB) == 0);
    const auto s = w.box.state_of(w.pages[0]);
    CHECK(s.kind == mm::page_kind::shmem);
    CHECK(s.order == 9);
    CHECK(s.refs == 513);
    CHECK(w.seen_by_device() == 0);
    CHECK(w.t.load(a + 300 * one).fault == mm::fault_result::sigbus);
    CHECK(w.byte(w.t, a + one) == 2);
    w.put(1);
    const auto free = w.box.free_pages();
    REQUIRE(w.box.truncate(f, 1_MiB - one) == 0);
    CHECK(w.box.free_pages() == free + 257);
    CHECK(w.t.inspect(a + one).map == mm::entry_kind::none);
    CHECK(w.byte(w.t, a + one) == 2);
    CHECK(w.t.inspect(a + one).page.order == 0);
    w.audit();
}

BOTH_PROFILES("what lies beyond the end of the file does not survive a split", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.hole(mm::file_kind::tmpfs_huge, 8 * one);
    const vaddr a = w.map_file(w.t, f, 8 * one, {.shared = true});
    w.put_byte(w.t, a + 2 * one, 7);
    CHECK(w.t.inspect(a + 2 * one).page.order == 9);
    const auto free = w.box.free_pages();
    CHECK(mm::split_range(w.t.mm(), a, a + 8 * one) == 1);
    CHECK(w.box.free_pages() == free + 504);
    CHECK(w.byte(w.t, a + 2 * one) == 7);
    CHECK(w.t.inspect(a + 2 * one).page.order == 0);
    w.audit();
}

BOTH_PROFILES("a huge folio of a file goes to swap and comes back by base pages", "[shmem-huge]") {
    huge_files<TestType> w;
    mm::file& f = w.filled();
    const vaddr a = w.map_file(f);
    CHECK(w.byte(w.t, a) == 1);
    const auto free = w.box.free_pages();
    REQUIRE(w.page_out(a, 512) == 0);
    CHECK(w.box.free_pages() == free + 512);
    CHECK(w.map_of(a) == mm::entry_kind::none);
    CHECK(w.byte(w.t, a + 77 * one) == 78);
    CHECK(w.t.inspect(a + 77 * one).page.order == 0);
    w.audit();
}

BOTH_PROFILES("memory files without a mount of their own go by the machine's setting", "[shmem-huge]") {
    huge_files<TestType> w;
    using mode = mm::shmem_thp_mode;
    const auto becomes_huge = [&](mode m, std::uint64_t size, bool advised, mm::file_kind kind = mm::file_kind::memfd) {
        w.box.phys().shmem_thp = m;
        mm::file& f = w.hole(kind, size);
        const vaddr a = w.map_file(f);
        if (!advised) REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::nohugepage) == 0);
        w.put_byte(w.t, a, 1);
        return w.t.inspect(a).page.order == 9;
    };
    CHECK_FALSE(becomes_huge(mode::never, 2_MiB, true));
    CHECK(becomes_huge(mode::always, 2_MiB, false));
    CHECK(becomes_huge(mode::always, one, true));
    CHECK(becomes_huge(mode::within_size, 2_MiB, false));
    CHECK_FALSE(becomes_huge(mode::within_size, 2_MiB - one, false));
    CHECK(becomes_huge(mode::within_size, 2_MiB - one, true));
    CHECK(becomes_huge(mode::advise, 2_MiB, true));
    CHECK_FALSE(becomes_huge(mode::advise, 2_MiB, false));
    CHECK_FALSE(becomes_huge(mode::always, 2_MiB, true, mm::file_kind::tmpfs));
    CHECK(becomes_huge(mode::force, 2_MiB, true, mm::file_kind::tmpfs));
    CHECK_FALSE(becomes_huge(mode::deny, 2_MiB, true, mm::file_kind::tmpfs_huge));
    w.audit();
}

BOTH_PROFILES("a block of a file is empty for a huge folio whatever is in swap of its neighbours", "[shmem-huge]") {
    world<TestType> w;
    w.box.phys().shmem_thp = mm::shmem_thp_mode::never;
    auto& f = w.box.create_file(mm::file_kind::memfd, 4_MiB);
    const vaddr a = w.map(4_MiB, {.shared = true, .source = &f});
    REQUIRE(w.t.store(a, 5) == mm::fault_result::ok);
    REQUIRE(w.t.madvise(a, 4096, mm::advice::pageout) == 0);
    REQUIRE_FALSE(f.blocks.empty());
    w.box.phys().shmem_thp = mm::shmem_thp_mode::always;
    CHECK(w.t.store(a + 4096, 6) == mm::fault_result::ok);
    CHECK(w.t.inspect(a + 4096).page.order == 0);
    CHECK(w.t.store(a + 2_MiB, 7) == mm::fault_result::ok);
    CHECK(w.t.inspect(a + 2_MiB).page.order == mm::pmd_order);
    CHECK(w.t.load(a).value == 5);
    w.audit();
}

BOTH_PROFILES("mlock of a part of a huge page of a pool faults it in and cuts nothing", "[shmem-huge]") {
    mm::options o = small();
    o.huge_pools = {{9, 4}};
    huge_files<TestType> w(o);
    const vaddr a = w.map(4_MiB, {.huge_order = 9});
    CHECK(w.t.mlock(a + 3 * one, 2 * one) == 0);
    CHECK(w.is_huge(a));
    CHECK(w.map_of(a + 2_MiB) == mm::entry_kind::none);
    CHECK(w.t.mm().vmas().size() == 1);
    CHECK(w.t.mprotect(a + 3 * one, one, mm::prot::read) == -err::einval);
    CHECK(w.t.munlock(a + one, 600 * one) == 0);
    CHECK(w.t.mm().vmas().size() == 1);
    CHECK(w.flags(a).find('M') == std::string::npos);
    w.audit();
}

}  // namespace

}  // namespace shmem_huge_tests
