// SPDX-License-Identifier: BSL-1.0
// How pages come into the cache and leave it: read-around and its mark, reads and writes, direct I/O, dropping.
// Source: spec 07 §13, spec 10 §4 §10 §15.
#include "file_box.hpp"

namespace file_io_tests {

using namespace mmt;
using mm::fault_result;

FILE_PROFILES("a mapped miss reads 32 pages around, and the mark reads the next window", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(80);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a, false) == fault_result::ok);
    CHECK(w.cached_pages(f) == 32);
    CHECK(w.cached(f, 24)->is(mm::pg::readahead));
    CHECK(w.t.inspect(a + 15 * 4096).map == mm::entry_kind::leaf);
    CHECK(w.t.inspect(a + 16 * 4096).map == mm::entry_kind::none);
    REQUIRE(w.t.touch(a + 20 * 4096, false) == fault_result::ok);
    CHECK(w.t.inspect(a + 23 * 4096).map == mm::entry_kind::leaf);
    CHECK(w.t.inspect(a + 24 * 4096).map == mm::entry_kind::none);  // marked: mapped by its own fault alone
    CHECK(w.cached_pages(f) == 32);
    REQUIRE(w.t.touch(a + 24 * 4096, false) == fault_result::ok);
    CHECK_FALSE(w.cached(f, 24)->is(mm::pg::readahead));
    CHECK(w.cached_pages(f) == 64);
    CHECK(w.cached(f, 32)->is(mm::pg::readahead));
    REQUIRE(w.t.touch(a + 75 * 4096, false) == fault_result::ok);  // 59 … 79: five of them are there
    CHECK(w.cached_pages(f) == 80);
    CHECK(w.cached(f, 72)->is(mm::pg::readahead));
    w.audit();
}

FILE_PROFILES("few pages get no mark; what is there already gets none; without the retry one page is mapped", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(7);
    REQUIRE(w.t.touch(w.map_file(f) + 4096, false) == fault_result::ok);
    for (unsigned k = 0; k < 7; ++k) CHECK_FALSE(w.cached(f, k)->is(mm::pg::readahead));

    mm::file& g = w.ext4(8);
    CHECK(w.box.pread(g, 100) == 1);
    CHECK(w.cached_pages(g) == 1);
    const vaddr b = w.map_file(g);
    REQUIRE(w.pin_slow(b + 2 * 4096, 1) == 1);
    CHECK(w.cached_pages(g) == 8);
    CHECK_FALSE(w.cached(g, 0)->is(mm::pg::readahead));
    CHECK(w.t.inspect(b + 2 * 4096).map == mm::entry_kind::leaf);
    CHECK(w.t.inspect(b + 3 * 4096).map == mm::entry_kind::none);
    w.unpin(1);
    w.audit();
}

FILE_PROFILES("a read meets the mark as well", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.touch(a + 4096, false) == fault_result::ok);
    REQUIRE(w.cached(f, 0)->is(mm::pg::readahead));
    CHECK(w.box.pread(f, 0) == 1);
    CHECK_FALSE(w.cached(f, 0)->is(mm::pg::readahead));
    REQUIRE(w.t.touch(a + 4096, false) == fault_result::ok);  // present: no fault
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    w.audit();
}

FILE_PROFILES("a write brings its page in with buffers and makes the file longer", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(2);
    REQUIRE(w.box.pwrite(f, 4096 + 5, 50) == 0);
    CHECK(w.cached_pages(f) == 1);
    frame<TestType>* page = w.cached(f, 1);
    w.box.phys().lru_drain_all();
    CHECK(w.raw(page) == 2);
    CHECK(page->is(mm::pg::dirty));
    const vaddr a = w.map_file(f, false);
    CHECK(w.t.load(a + 4096 + 4).value == 2);
    CHECK(w.t.load(a + 4096 + 5).value == 50);
    REQUIRE(w.box.pwrite(f, 3 * 4096, 7) == 0);
    CHECK(f.size == 3 * 4096 + 1);
    CHECK(w.box.pread(f, 2 * 4096) == 0);
    mm::file& m = w.memfd(1, mm::fill::sparse);
    REQUIRE(w.box.pwrite(m, 0, 8) == 0);
    CHECK(w.box.pread(m, 0) == 8);
    w.box.phys().lru_drain_all();
    CHECK(w.raw(w.cached(m, 0)) == 1);
    CHECK(w.box.state_of(w.cached(m, 0)).flags == "DB");
    CHECK(w.box.pread(m, ~std::uint64_t{0}) == -err::einval);
    w.audit();
}

FILE_PROFILES("only what is clean and in nobody's hands is dropped", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(6);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.fault_in(a, 6, true) == 6);
    REQUIRE(w.box.fsync(f) == 0);
    REQUIRE(w.pin(a, 1) == 1);
    frame<TestType>* pinned = w.pages[0];
    frame<TestType>* got[1] = {};
    REQUIRE(w.t.get_user_pages_fast(a + 4096, 1, 0, got) == 1);
    REQUIRE(w.t.store(a + 2 * 4096, 33) == fault_result::ok);
    REQUIRE(w.t.munmap(a, 5 * 4096) == 0);
    w.box.drop_caches();
    CHECK(w.cached(f, 0) == pinned);   // pinned, and its buffers with it
    CHECK(w.raw(pinned) == 1 + 1 + 1024);
    CHECK(w.cached(f, 1) == got[0]);
    CHECK(w.cached(f, 2) != nullptr);  // dirty
    CHECK(w.cached(f, 3) == nullptr);  // buffers hold nothing
    CHECK(w.cached(f, 5) != nullptr);  // mapped
    CHECK(w.box.fadvise(f, mm::file_advice::dontneed) == 0);  // writes first
    CHECK(w.cached(f, 2) == nullptr);
    CHECK(w.on_disk(f, 2 * 4096) == 33);
    w.unpin(1);
    w.t.put_pages(got);
    mm::file& m = w.memfd(1);
    CHECK(w.box.fadvise(m, mm::file_advice::dontneed) == 0);
    w.box.drop_caches();
    CHECK(w.cached_pages(m) == 1);
    w.audit();
}

FILE_PROFILES("allocating what a file of memory has already keeps it, and makes it dirty", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.make(mm::file_kind::memfd, 2 * 4096, mm::fill::sparse);
    REQUIRE(w.box.pwrite(f, 5, 7) == 0);
    auto* const page = w.cached(f, 0);
    page->clear(mm::pg::dirty);
    REQUIRE(w.box.fallocate(f, mm::file_change::alloc, 0, 2 * 4096) == 0);
    CHECK(w.cached(f, 0) == page);
    CHECK(page->is(mm::pg::dirty));
    CHECK(w.box.pread(f, 5) == 7);
    REQUIRE(w.cached(f, 1));
    CHECK(w.box.pread(f, 4096) == 0);
    w.audit();
}

FILE_PROFILES("direct I/O pins each page of the buffer once, for the length of the call", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(4);
    const vaddr a = w.map(4 * 4096);
    const auto before = w.box.counters();
    CHECK(w.t.direct_read(f, 4096, a, 2 * 4096) == 2 * 4096);
    const auto after = w.box.counters();
    CHECK(after.acquired - before.acquired == 2);
    CHECK(after.released - before.released == 2);
    CHECK(w.t.load(a).value == 2);
    CHECK(w.t.load(a + 8191).value == 3);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a).find('D') != std::string::npos);
    w.box.phys().lru_drain_all();
    CHECK(w.refs(a) == 1);
    CHECK(w.t.inspect(a + 8192).map == mm::entry_kind::none);
    CHECK(w.cached_pages(f) == 0);
    if constexpr (!is_2019<TestType>) CHECK(w.t.has_pinned());

    CHECK(w.t.direct_read(f, 100, a, 4096) == -err::einval);
    CHECK(w.t.direct_read(f, 0, a + 100, 4096) == -err::einval);
    CHECK(w.t.direct_read(f, 0, a, 100) == -err::einval);
    CHECK(w.t.direct_read(f, 4 * 4096, a, 4096) == 0);
    CHECK(w.t.direct_read(f, 0, a + 3 * 4096, 2 * 4096) == -err::efault);
    CHECK(w.t.load(a + 3 * 4096).value == 1);  // the part that could be done
    CHECK(w.t.direct_read(f, 512, a + 512, 4096) == 4096);
    CHECK(w.t.load(a + 512 + 3583).value == 1);
    CHECK(w.t.load(a + 512 + 3584).value == 2);
    w.audit();
}

FILE_PROFILES("direct reads of holes and of the end pin nothing there", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.make(mm::file_kind::ext4, 4096 + 1000);
    const vaddr a = w.map(4 * 4096);
    REQUIRE(w.t.fault_in(a, 4, true) == 4);
    REQUIRE(w.t.store(a + 2 * 4096, 9) == fault_result::ok);
    const auto before = w.box.counters();
    CHECK(w.t.direct_read(f, 0, a, 4 * 4096) == 4096 + 1000);
    CHECK(w.box.counters().acquired - before.acquired == 2);
    CHECK(w.t.load(a + 4096 + 999).value == 2);
    CHECK(w.t.load(a + 4096 + 1000).value == 0);
    CHECK(w.t.load(a + 2 * 4096).value == 0);
    w.audit();
}

FILE_PROFILES("a direct read of a file that is cut meanwhile ends where the file ends", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.make(mm::file_kind::ext4, 4 * 4096);
    const vaddr a = w.map(4 * 4096);
    REQUIRE(w.t.fault_in(a, 4, true) == 4);
    const std::uint64_t left = GENERATE(0U, 1U, 3U);  // pages
    hooked::once(mm::race_point::after_walk, [&] { REQUIRE(w.box.truncate(f, left * 4096) == 0); });
    CHECK(w.t.direct_read(f, 4096, a, 2 * 4096) == (left == 3 ? 2 * 4096 : 0));
    CHECK(f.size == left * 4096);
    CHECK(w.t.load(a).value == (left == 3 ? 2 : 0));
    CHECK(w.on_disk(f, 4096) == (left == 3 ? 2 : -1));
    REQUIRE(w.box.truncate(f, 4 * 4096) == 0);
    CHECK(w.box.pread(f, 4096) == (left == 3 ? 2 : 0));
    w.audit();
}

FILE_PROFILES("a direct read sees what is dirty in the cache; a direct write throws the cache out, pinned or not", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(3);
    const vaddr m = w.map_file(f), a = w.map(3 * 4096), copy = w.map_file(f, false);
    REQUIRE(w.t.store(m, 21) == fault_result::ok);
    REQUIRE(w.t.store(m + 4096, 22) == fault_result::ok);
    REQUIRE(w.t.store(copy, 23) == fault_result::ok);
    CHECK(w.t.direct_read(f, 0, a, 4096) == 4096);
    CHECK(w.t.load(a).value == 21);
    CHECK(w.letters(m) == "Y");  // written for it
    REQUIRE(w.pin(m, 2, foll::write) == 2);
    frame<TestType>* page = w.pages[0];
    REQUIRE(w.t.store(a, 31) == fault_result::ok);
    CHECK(w.t.direct_write(f, 0, a, 4096) == 4096);
    CHECK(w.raw(page) == 1024);
    CHECK(w.box.state_of(page).kind == mm::page_kind::kernel);
    CHECK(w.t.inspect(m).map == mm::entry_kind::none);
    CHECK(w.letters(m + 4096) == "WDY");  // outside of it
    CHECK(w.t.load(m).value == 31);
    CHECK(w.t.load(copy).value == 23);
    w.unpin(2);
    const vaddr zeros = w.map(2 * 4096);
    CHECK(w.t.direct_write(f, 2 * 4096, zeros, 2 * 4096) == 2 * 4096);
    CHECK(f.size == 4 * 4096);
    CHECK(w.letters(zeros) == "YS");  // only read
    CHECK(w.box.pread(f, 2 * 4096) == 0);
    CHECK(w.t.direct_write(f, 0, m, 4096) == 4096);  // the buffer is the place written to
    CHECK(w.t.load(m).value == 31);
    w.audit();
}

FILE_PROFILES("a direct write over a page that stays dirty goes through the cache", "[file-io]") {
    file_world<TestType> w;
    steered_writeback::if_pinned = mm::writeback_answer::stay_dirty;
    mm::file& f = w.ext4(1);
    const vaddr m = w.map_file(f), a = w.map(4096);
    REQUIRE(w.t.store(a + 5, 55) == fault_result::ok);
    REQUIRE(w.pin(m, 1, foll::write) == 1);
    CHECK(w.t.direct_write(f, 0, a, 4096) == 4096);
    CHECK(w.cached(f, 0) == w.pages[0]);
    CHECK(w.box.dma_read(w.pages[0], 5) == 55);
    CHECK(w.on_disk(f, 5) == 55);
    w.unpin(1);
    w.audit();
}

FILE_PROFILES("files without blocks are copied, and pin nothing", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.memfd(2);
    const vaddr a = w.map(4 * 4096);
    const auto before = w.box.counters();
    CHECK(w.t.direct_read(f, 100, a + 7, 2 * 4096) == 2 * 4096 - 100);
    CHECK(w.t.load(a + 7).value == 1);
    CHECK(w.t.load(a + 7 + 3996).value == 2);
    CHECK(w.t.direct_write(f, 2 * 4096, a + 7, 4096) == 4096);
    CHECK(f.size == 3 * 4096);
    CHECK(w.box.pread(f, 2 * 4096) == 1);
    CHECK(w.box.counters().acquired == before.acquired);
    mm::file& secret = w.make(mm::file_kind::secret, 4096, mm::fill::sparse);
    CHECK(w.t.direct_read(secret, 0, a, 512) == -err::einval);
    CHECK(w.box.pread(secret, 0) == -err::einval);
    CHECK(w.box.fsync(secret) == -err::einval);
    w.audit();
}

FILE_PROFILES("mincore tells what is in memory, mapped or not", "[file-io]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(40);
    const vaddr a = w.map_file(f), anon = w.map(4 * 4096);
    CHECK(w.t.mincore(a, f.size) == 0);
    REQUIRE(w.t.touch(a + 20 * 4096, false) == fault_result::ok);
    CHECK(w.t.mincore(a, f.size) == 32);
    REQUIRE(w.t.touch(anon, false) == fault_result::ok);
    REQUIRE(w.t.touch(anon + 4096, true) == fault_result::ok);
    REQUIRE(w.t.touch(anon + 8192, true) == fault_result::ok);
    CHECK(w.t.mincore(anon, 4 * 4096) == 3);
    w.box.phys().lru_drain_all();
    REQUIRE(w.t.madvise(anon + 8192, 4096, mm::advice::pageout) == 0);
    CHECK(w.t.mincore(anon, 4 * 4096) == 2);
    CHECK(w.t.mincore(anon + 1, 4096) == -err::einval);
    REQUIRE(w.t.munmap(anon + 4096, 4096) == 0);
    CHECK(w.t.mincore(anon, 4 * 4096) == -err::enomem);
    w.audit();
}

}  // namespace file_io_tests
