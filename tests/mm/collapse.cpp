// SPDX-License-Identifier: BSL-1.0
// Small pages become a huge one where nobody else holds them: on advice, by the daemon, in files of memory, and
// against a fast pin on its way. Source: spec 05 §6, spec 07 B8, spec 10 §10.
#include "sharing_box.hpp"

namespace collapse_tests {

namespace {

using namespace mmt;

template <class P>
struct blocks : family<P> {
    using family<P>::family;

    /// n huge-page sized blocks of base pages; byte k of them is 1 + k % 100 in page k.
    vaddr small_pages(unsigned n = 1) {
        const vaddr a = this->map(n * 2_MiB, {.huge = true});
        REQUIRE(this->t.madvise(a, n * 2_MiB, mm::advice::nohugepage) == 0);
        for (unsigned k = 0; k < n * 512; ++k) this->put_byte(this->t, a + k * one, value(k));
        REQUIRE(this->t.madvise(a, n * 2_MiB, mm::advice::hugepage) == 0);
        return a;
    }
    static unsigned char value(unsigned k) { return static_cast<unsigned char>(1 + k % 100); }
    int collapse(vaddr a, std::uint64_t len = 2_MiB) { return this->t.madvise(a, len, mm::advice::collapse); }
    bool is_huge(vaddr a) { return this->t.inspect(a).at == mm::level::pmd; }
    mm::file& filled_file(mm::file_kind kind = mm::file_kind::memfd) {
        return this->box.create_file(kind, 2_MiB, mm::fill::pattern);
    }
    vaddr map_file(mm::file& f, bool shared = true) {
        return this->map(2_MiB, {.shared = shared, .kind = mm::map_kind::file, .source = &f, .huge = true});
    }
};
using new_mm = checked_6_12;

TEST_CASE("collapse makes a new huge page of what was there", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    const auto tables = w.t.mm().tables.tables();
    const auto free = w.box.free_pages();
    REQUIRE(w.collapse(a) == 0);
    const auto o = w.t.inspect(a);
    CHECK(o.at == mm::level::pmd);
    CHECK(o.letters == "WDY");
    CHECK(o.page.flags == "XB");
    CHECK(o.page.refs == 1);
    CHECK(o.page.folio_mapcount == 1);
    CHECK(w.flags(a + 7 * one) == "B");
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.byte(w.t, a + k * one) == w.value(k));
    CHECK(w.box.free_pages() == free);
    CHECK(w.t.mm().tables.tables() == tables);  // the table is in reserve
    CHECK(w.collapse(a) == 0);                  // it is huge already
    w.split_entry(a);
    CHECK(w.refs(a) == 512);
    w.audit();
}

TEST_CASE("what is in swap of a file comes in when it is collapsed", "[collapse]") {
    world<new_mm> w;
    mm::file& f = w.box.create_file(mm::file_kind::memfd, 2_MiB);
    const vaddr a = w.map(2_MiB, {.shared = true, .source = &f, .huge = true});
    for (unsigned k = 0; k < 512; ++k) REQUIRE(w.t.store(a + k * 4096, static_cast<unsigned char>(k % 100 + 1)) == mm::fault_result::ok);
    REQUIRE(w.t.inspect(a).page.order == 0);
    REQUIRE(w.t.madvise(a + 3 * 4096, 5 * 4096, mm::advice::pageout) == 0);
    REQUIRE(f.blocks.size() == 5);
    const int answer = w.t.madvise(a, 2_MiB, mm::advice::collapse);
    CHECK(answer == 0);
    CHECK(w.t.load(a + 5 * 4096).value == 6);
    CHECK(w.t.inspect(a + 5 * 4096).page.order == mm::pmd_order);
    CHECK(w.t.load(a + 511 * 4096).value == 511 % 100 + 1);
    w.audit();
}

TEST_CASE("holes and zero pages become zeros, what is in swap comes in", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::nohugepage) == 0);
    w.put_byte(w.t, a + one, 5);
    w.put_byte(w.t, a + 9 * one, 7);
    CHECK(w.byte(w.t, a + 3 * one) == 0);
    REQUIRE(w.page_out(a + 9 * one) == 0);
    REQUIRE(w.map_of(a + 9 * one) == mm::entry_kind::swap);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::hugepage) == 0);
    REQUIRE(w.collapse(a) == 0);
    CHECK(w.is_huge(a));
    CHECK(w.byte(w.t, a + one) == 5);
    CHECK(w.byte(w.t, a + 9 * one) == 7);
    CHECK(w.byte(w.t, a + 3 * one) == 0);
    CHECK(w.byte(w.t, a + 500 * one) == 0);
    CHECK(w.box.phys().swap.used() == 0);
    w.audit();
}

TEST_CASE("any reference refuses collapse, and nothing has changed", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    const bool pin = GENERATE(true, false);
    REQUIRE((pin ? w.pin(a + 3 * one, 1, foll::write) : w.get(a + 3 * one, 1)) == 1);
    auto* const page = w.page_at(a);
    CHECK(w.collapse(a) == -err::eagain);
    CHECK(w.page_at(a) == page);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "XB");
    CHECK(w.refs(a) == 1);
    w.audit();
    pin ? w.unpin(1) : w.put(1);
    CHECK(w.collapse(a) == 0);
    w.audit();
}

TEST_CASE("a block that is held does not keep the others from collapsing", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages(3);
    REQUIRE(w.get(a + 2_MiB, 1) == 1);
    CHECK(w.collapse(a, 6_MiB) == -err::eagain);
    CHECK(w.is_huge(a));
    CHECK_FALSE(w.is_huge(a + 2_MiB));
    CHECK(w.is_huge(a + 4_MiB));
    w.put(1);
    w.audit();
}

TEST_CASE("what collapse refuses altogether", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    CHECK(w.collapse(a + one, 100 * one) == -err::einval);        // no whole block is asked for
    CHECK(w.collapse(a, 2_MiB - one) == 0);                       // none either, and with that it is done
    CHECK_FALSE(w.is_huge(a));
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::read) == 0);
    CHECK(w.collapse(a) == -err::einval);                         // nothing may be written
    REQUIRE(w.t.mprotect(a, 2_MiB, mm::prot::rw) == 0);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::nohugepage) == 0);
    CHECK(w.collapse(a) == -err::einval);
    const vaddr empty = w.map(2_MiB, {.huge = true});
    CHECK(w.collapse(empty) == -err::einval);                     // nobody was ever there
    const vaddr short_one = w.map(2_MiB - one, {.at = vaddr{1} << 45, .huge = true});
    w.put_byte(w.t, short_one, 1);
    CHECK(w.collapse(short_one, 2_MiB - one) == -err::einval);    // no room for a huge page
    mm::file& f = w.box.create_file(mm::file_kind::ext4, 2_MiB, mm::fill::pattern);
    CHECK(w.collapse(w.map_file(f)) == -err::einval);
    w.audit();
}

TEST_CASE("memory without machine-wide huge pages collapses on advice all the same", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    w.box.phys().thp = mm::thp_mode::never;
    CHECK(w.collapse(a) == 0);
    w.audit();
}

TEST_CASE("the huge zero page is huge enough", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.map(4_MiB, {.huge = true});
    REQUIRE(w.t.store(a + 2_MiB, 1) == mm::fault_result::ok);
    REQUIRE(w.t.load(a).fault == mm::fault_result::ok);
    CHECK(w.collapse(a) == 0);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::huge_zero);
    w.audit();
}

TEST_CASE("pages shared by fork collapse into one's own, the others keep theirs", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    auto& child = w.fork();
    w.put_byte(w.t, a, 77);  // one page of the block is writable
    REQUIRE(w.collapse(a) == 0);
    CHECK(w.byte(child, a) == w.value(0));
    CHECK(w.byte(child, a + 400 * one) == w.value(400));
    CHECK(child.inspect(a + 400 * one).page.refs == 1);
    CHECK(w.byte(w.t, a) == 77);
    CHECK(w.byte(w.t, a + 400 * one) == w.value(400));
    w.audit();
}

TEST_CASE("a huge page mapped by ptes collapses into another one", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.huge();
    for (unsigned k = 0; k < 512; ++k) w.put_byte(w.t, a + k * one, w.value(k));
    w.split_entry(a);
    auto* const before = w.page_at(a);
    REQUIRE(w.t.madvise(a + 3 * one, one, mm::advice::dontneed) == 0);
    REQUIRE(w.collapse(a) == 0);
    CHECK(w.page_at(a) != before);
    CHECK(w.byte(w.t, a + 3 * one) == 0);
    CHECK(w.byte(w.t, a + 4 * one) == w.value(4));
    CHECK(w.box.phys().partly_mapped.size() == 0);
    w.audit();
}

TEST_CASE("a fast pin that has not taken its unit yet meets a collapse and gets the new page", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    const auto when = GENERATE(mm::race_point::entry_read, mm::race_point::head_resolved);
    (void)w.t.inspect(a);
    int answered = 1;
    hooked::once(when, [&] { answered = w.collapse(a); });
    REQUIRE(w.pin(a + 9 * one, 1, foll::write) == 1);
    CHECK(answered == 0);
    CHECK(w.pages[0] == w.page_at(a + 9 * one));
    CHECK(w.is_huge(a));
    w.audit();
    w.unpin(1);
    w.audit();
}

TEST_CASE("a fast pin that has its unit makes collapse fail, and then has the page that is mapped", "[collapse]") {
    blocks<new_mm> w;
    const vaddr a = w.small_pages();
    const auto when = GENERATE(mm::race_point::added, mm::race_point::head_checked, mm::race_point::entry_checked);
    (void)w.t.inspect(a);
    int answered = 1;
    hooked::once(when, [&] { answered = w.collapse(a); });
    REQUIRE(w.pin(a + 9 * one, 1, foll::write) == 1);
    CHECK(answered == -err::eagain);
    CHECK(w.pages[0] == w.page_at(a + 9 * one));
    CHECK_FALSE(w.is_huge(a));
    w.unpin(1);
    w.audit();
}

TEST_CASE("2019 has no advice for it", "[collapse]") {
    blocks<checked_2019> w;
    const vaddr a = w.small_pages();
    CHECK(w.collapse(a) == -err::einval);
    CHECK_FALSE(w.is_huge(a));
    w.audit();
}

BOTH_PROFILES("the daemon collapses what wants huge pages, within its limits", "[collapse]") {
    blocks<TestType> w;
    const vaddr a = w.small_pages();
    const vaddr plain = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.madvise(plain, 2_MiB, mm::advice::nohugepage) == 0);
    w.put_byte(w.t, plain, 1);
    mm::collapse_limits limits;
    limits.holes = 0;
    REQUIRE(w.t.madvise(a, one, mm::advice::dontneed) == 0);
    CHECK(mm::khugepaged_scan(w.t.mm(), limits) == 0);
    limits.holes = 1;
    CHECK(mm::khugepaged_scan(w.t.mm(), limits) == 1);
    CHECK(w.is_huge(a));
    CHECK_FALSE(w.is_huge(plain));
    CHECK(w.byte(w.t, a + one) == w.value(1));
    CHECK(w.byte(w.t, a) == 0);
    w.audit();
}

BOTH_PROFILES("the daemon brings in no more from swap than it may", "[collapse]") {
    blocks<TestType> w;
    const vaddr a = w.small_pages();
    REQUIRE(w.page_out(a, 65) == 0);
    CHECK(mm::khugepaged_scan(w.t.mm()) == 0);
    CHECK(w.byte(w.t, a) == w.value(0));
    CHECK(mm::khugepaged_scan(w.t.mm()) == 1);
    CHECK(w.byte(w.t, a + 64 * one) == w.value(64));
    w.audit();
}

BOTH_PROFILES("pages another process maps: 2019 leaves the block alone", "[collapse]") {
    blocks<TestType> w;
    const vaddr a = w.small_pages();
    auto& child = w.fork();
    for (unsigned k = 0; k < 400; ++k) w.put_byte(w.t, a + k * one, 9);
    CHECK(mm::khugepaged_scan(w.t.mm()) == pick<TestType>(0U, 1U));
    CHECK(w.byte(w.t, a + 450 * one) == w.value(450));
    CHECK(w.byte(child, a + 450 * one) == w.value(450));
    w.audit();
}

// ---- files of memory -----------------------------------------------------------------------------------------

TEST_CASE("the pages of a memory file collapse in the file, and all who map it find the huge page", "[collapse]") {
    blocks<new_mm> w;
    mm::file& f = w.filled_file(GENERATE(mm::file_kind::memfd, mm::file_kind::tmpfs));
    const vaddr a = w.map_file(f);
    auto& other = w.box.spawn();
    const auto b = other.mmap(2_MiB, {.shared = true, .kind = mm::map_kind::file, .source = &f, .huge = true});
    REQUIRE(b.error == 0);
    for (unsigned k = 0; k < 512; k += 5) {
        w.put_byte(w.t, a + k * one, w.value(k));
        CHECK(w.byte(other, *b + k * one) == w.value(k));
    }
    REQUIRE(w.collapse(a) == 0);
    const auto o = w.t.inspect(a);
    CHECK(o.at == mm::level::pmd);
    CHECK(o.letters == "WY");
    CHECK(o.page.flags == "DB");
    CHECK(o.page.refs == 513);
    CHECK(other.inspect(*b).map == mm::entry_kind::none);
    CHECK(w.byte(other, *b + 10 * one) == w.value(10));
    CHECK(other.inspect(*b).at == mm::level::pmd);
    CHECK(w.byte(w.t, a + 511 * one) == (511 & 0x7f) + 1);
    CHECK(w.collapse(a) == 0);
    w.audit();
}

TEST_CASE("a held page of a memory file refuses collapse; it is only to be faulted again", "[collapse]") {
    blocks<new_mm> w;
    mm::file& f = w.filled_file();
    const vaddr a = w.map_file(f);
    REQUIRE(w.pin(a + 3 * one, 1, foll::write) == 1);
    CHECK(w.collapse(a) == -err::eagain);
    CHECK(w.byte(w.t, a + 3 * one) == 4);
    CHECK(w.page_at(a + 3 * one) == w.pages[0]);
    w.unpin(1);
    CHECK(w.collapse(a) == 0);
    CHECK(w.byte(w.t, a + 3 * one) == 4);
    w.audit();
}

TEST_CASE("holes of a memory file are zeros of its huge page; a file that is all hole is left alone", "[collapse]") {
    blocks<new_mm> w;
    mm::file& f = w.box.create_file(mm::file_kind::memfd, 2_MiB);
    const vaddr a = w.map_file(f);
    CHECK(w.collapse(a) == -err::einval);
    w.put_byte(w.t, a + 100 * one, 3);
    REQUIRE(w.collapse(a) == 0);
    CHECK(w.is_huge(a));
    CHECK(w.byte(w.t, a + 100 * one) == 3);
    CHECK(w.byte(w.t, a + 99 * one) == 0);
    w.audit();
}

TEST_CASE("private copies keep a pmd from the mapping, not the file from being huge", "[collapse]") {
    blocks<new_mm> w;
    mm::file& f = w.filled_file();
    const vaddr a = w.map_file(f, false);
    w.put_byte(w.t, a + 3 * one, 200);
    CHECK(w.collapse(a) == -err::einval);
    CHECK(w.byte(w.t, a + 3 * one) == 200);
    CHECK(w.byte(w.t, a + 4 * one) == 5);
    CHECK(w.t.inspect(a + 4 * one).page.order == 9);
    w.audit();
}

TEST_CASE("a huge folio of a file mapped by ptes gets its pmd without being copied", "[collapse]") {
    blocks<new_mm> w;
    mm::file& f = w.filled_file(mm::file_kind::tmpfs_huge);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::nohugepage) == 0);
    w.put_byte(w.t, a + one, 200);
    REQUIRE_FALSE(w.is_huge(a));
    auto* const page = w.page_at(a + one);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::hugepage) == 0);
    REQUIRE(w.collapse(a) == 0);
    CHECK(w.is_huge(a));
    CHECK(w.page_at(a + one) == page);
    CHECK(w.refs(a) == 513);
    w.audit();
}

TEST_CASE("a huge folio of a file that is on its way is not mapped behind the back of who moves it", "[collapse]") {
    blocks<new_mm> w;
    mm::file& f = w.filled_file(mm::file_kind::tmpfs_huge);
    const vaddr a = w.map_file(f);
    w.put_byte(w.t, a + one, 200);
    REQUIRE(w.is_huge(a));
    auto* const before = w.page_at(a);
    int answer = 0;
    hooked::once(mm::race_point::unmapped, [&] { answer = w.collapse(a); });
    CHECK(mm::migrate_page(w.t.mm(), a, {}).error == 0);
    CHECK(answer == -err::eagain);
    CHECK(w.is_huge(a));
    CHECK(w.page_at(a) != before);
    CHECK(w.byte(w.t, a + one) == 200);
    w.audit();
}

}  // namespace

}  // namespace collapse_tests
