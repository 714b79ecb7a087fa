// SPDX-License-Identifier: BSL-1.0
// Cached files are cut, punched, zeroed, moved together, and end. Source: spec 07 §13 B13, spec 10 §12 §15.
#include "file_box.hpp"

namespace truncate_tests {

using namespace mmt;
using mm::fault_result;
using mm::file_change;
using mm::file_kind;

namespace {

constexpr file_kind both_kinds[] = {file_kind::ext4, file_kind::memfd};

}  // namespace

FILE_PROFILES("truncation leaves pinned pages to their pins alone", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 8 * 4096);
        const vaddr a = w.map_file(f);
        REQUIRE(w.pin(a + 4 * 4096, 2, foll::write) == 2);
        frame<TestType>* page = w.pages[0];
        REQUIRE(w.box.truncate(f, 4 * 4096) == 0);
        CHECK(w.raw(page) == 1024);
        CHECK(w.box.state_of(page).kind == mm::page_kind::kernel);
        CHECK(w.t.inspect(a + 4 * 4096).map == mm::entry_kind::none);
        CHECK(w.t.load(a + 4 * 4096).fault == fault_result::sigbus);
        CHECK(w.box.pread(f, 4 * 4096) == mm::end_of_file);
        w.audit();
        REQUIRE(w.box.truncate(f, 8 * 4096) == 0);
        CHECK(w.t.load(a + 4 * 4096).value == 0);
        CHECK(w.page_at(a + 4 * 4096) != page);
        CHECK(w.box.dma_read(page, 0) == 5);
        w.t.unpin_user_pages_dirty_lock(w.first(2), true);
        CHECK(page->count.refs() == 0);
        CHECK_FALSE(w.warned(mm::warn_id::dirty_unprepared));
        REQUIRE(w.box.fsync(f) == 0);
        CHECK(w.box.pread(f, 4 * 4096) == 0);  // an orphan's dirt is written nowhere
        w.audit();
    }
}

FILE_PROFILES("private copies go with the end of the file, but not with a hole", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 4 * 4096);
        const vaddr a = w.map_file(f, false);
        for (unsigned k = 0; k < 4; ++k) REQUIRE(w.t.store(a + 4096 * k, 70) == fault_result::ok);
        REQUIRE(w.box.fallocate(f, file_change::punch, 4096, 4096) == 0);
        CHECK(w.t.load(a + 4096).value == 70);
        CHECK(w.box.pread(f, 4096) == 0);
        REQUIRE(w.pin(a + 3 * 4096, 1, foll::write) == 1);
        REQUIRE(w.box.truncate(f, 2 * 4096) == 0);
        CHECK(w.t.inspect(a + 3 * 4096).map == mm::entry_kind::none);
        CHECK(w.t.load(a + 2 * 4096).fault == fault_result::sigbus);
        CHECK(w.raw(w.pages[0]) == 1024);
        CHECK(w.box.state_of(w.pages[0]).kind == mm::page_kind::anon);
        w.unpin(1);
        w.audit();
    }
}

FILE_PROFILES("a private copy that is being made when the file ends before it does not appear", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 4 * 4096);
        const vaddr a = w.map_file(f, false);
        for (unsigned k = 0; k < 4; ++k) REQUIRE(w.box.pread(f, 4096 * k) > 0);  // cached, and nothing is mapped
        hooked::once(mm::race_point::page_found, [&] { REQUIRE(w.box.truncate(f, 4096) == 0); });
        CHECK(w.t.store(a + 2 * 4096, 70) == fault_result::sigbus);
        CHECK(w.t.inspect(a + 2 * 4096).map == mm::entry_kind::none);
        w.audit();
        REQUIRE(w.box.truncate(f, 4 * 4096) == 0);
        CHECK(w.t.load(a + 2 * 4096).value == 0);
        hooked::once(mm::race_point::page_found, [&] { REQUIRE(w.box.fallocate(f, file_change::punch, 4096, 4096) == 0); });
        REQUIRE(w.t.store(a + 4096 + 1, 70) == fault_result::ok);  // of what is there now
        CHECK(w.t.load(a + 4096).value == 0);
        CHECK(w.t.load(a + 4096 + 1).value == 70);
        w.audit();
    }
}

FILE_PROFILES("the last page is zeroed behind the new end; a filesystem has it dirty then", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 2 * 4096);
        REQUIRE(w.box.truncate(f, 5000) == 0);
        const vaddr a = w.map_file(f);
        CHECK(w.t.load(a + 4999).value == 2);
        CHECK(w.t.load(a + 5000).value == 0);
        frame<TestType>* page = w.page_at(a + 4096);
        CHECK(page->is(mm::pg::dirty));
        CHECK(page->is(mm::pg::buffers) == (kind == file_kind::ext4));
        REQUIRE(w.box.fsync(f) == 0);
        if (kind == file_kind::ext4) CHECK(w.on_disk(f, 4999) == 2);
        if (kind == file_kind::ext4) CHECK(w.on_disk(f, 5000) == 0);
        w.audit();
    }
}

FILE_PROFILES("a hole takes whole pages out and zeroes the rest in place", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 6 * 4096);
        const vaddr a = w.map_file(f);
        for (unsigned k = 0; k < 6; ++k) REQUIRE(w.t.store(a + 4096 * k, 60) == fault_result::ok);
        REQUIRE(w.pin(a + 4096, 3, foll::write) == 3);
        frame<TestType>* first = w.pages[0];
        frame<TestType>* whole = w.pages[1];
        REQUIRE(w.box.fallocate(f, file_change::punch, 4096 + 100, 2 * 4096 + 50) == 0);
        CHECK(w.raw(whole) == 1024);
        CHECK(w.page_at(a + 4096) == first);  // partly covered: the same page, and the pin sees it
        CHECK(w.box.dma_read(first, 99) == 2);
        CHECK(w.box.dma_read(first, 100) == 0);
        CHECK(w.box.dma_read(w.pages[2], 149) == 0);
        CHECK(w.box.dma_read(w.pages[2], 150) == 4);
        CHECK(w.box.dma_read(whole, 0) == 60);
        CHECK(w.t.load(a + 2 * 4096).value == 0);
        CHECK(w.t.load(a + 4 * 4096).value == 60);
        CHECK(f.size == 6 * 4096);
        w.check_mapped_is_cached(w.t, f, a);
        w.unpin(3);
        CHECK(whole->count.refs() == 0);
        w.audit();
    }
}

FILE_PROFILES("a hole inside one page, and holes at and behind the end", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 5000);
        REQUIRE(w.box.fallocate(f, file_change::punch, 10, 20) == 0);
        CHECK(w.box.pread(f, 9) == 1);
        CHECK(w.box.pread(f, 10) == 0);
        CHECK(w.box.pread(f, 29) == 0);
        CHECK(w.box.pread(f, 30) == 1);
        REQUIRE(w.box.fallocate(f, file_change::punch, 4096, 1 << 20) == 0);
        CHECK(w.box.pread(f, 4096) == 0);
        CHECK(w.cached_pages(f) <= 2);
        CHECK(f.size == 5000);
        REQUIRE(w.box.fallocate(f, file_change::punch, 1 << 20, 4096) == 0);
        CHECK(w.box.fallocate(f, file_change::punch, 0, 0) == -err::einval);
        w.audit();
    }
}

FILE_PROFILES("a filesystem zeroes, allocates and cuts out; memory files do not", "[truncate]") {
    file_world<TestType> w;
    mm::file& m = w.memfd(2);
    CHECK(w.box.fallocate(m, file_change::zero, 0, 4096) == -err::eopnotsupp);
    CHECK(w.box.fallocate(m, file_change::collapse, 0, 4096) == -err::eopnotsupp);

    mm::file& f = w.ext4(8);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.store(a, 90) == fault_result::ok);
    REQUIRE(w.t.store(a + 5 * 4096 + 9, 95) == fault_result::ok);  // not written yet: it must come along
    REQUIRE(w.pin(a + 5 * 4096, 1, foll::write) == 1);
    CHECK(w.box.fallocate(f, file_change::collapse, 100, 4096) == -err::einval);
    CHECK(w.box.fallocate(f, file_change::collapse, 4096, 7 * 4096) == -err::einval);
    CHECK(w.letters(a + 5 * 4096) == "WDY");  // refused before anything was done
    REQUIRE(w.box.fallocate(f, file_change::collapse, 2 * 4096, 2 * 4096) == 0);
    CHECK(f.size == 6 * 4096);
    CHECK(w.raw(w.pages[0]) == 1024);
    CHECK(w.t.load(a).value == 90);
    CHECK(w.t.load(a + 3 * 4096).value == 6);
    CHECK(w.t.load(a + 3 * 4096 + 9).value == 95);
    CHECK(w.t.load(a + 6 * 4096).fault == fault_result::sigbus);
    w.unpin(1);

    REQUIRE(w.box.fallocate(f, file_change::zero, 1000, 2 * 4096) == 0);
    CHECK(w.t.load(a + 999).value == 1);
    CHECK(w.t.load(a + 1000).value == 0);
    CHECK(w.t.load(a + 4096).value == 0);
    CHECK(w.t.load(a + 8192 + 999).value == 0);
    CHECK(w.t.load(a + 8192 + 1000).value == 5);
    REQUIRE(w.box.fallocate(f, file_change::zero, 5 * 4096, 2 * 4096) == 0);
    CHECK(f.size == 7 * 4096);
    REQUIRE(w.box.fallocate(f, file_change::alloc, 6 * 4096, 3 * 4096) == 0);
    CHECK(f.size == 9 * 4096);
    CHECK(w.on_disk(f, 8 * 4096) == 0);
    CHECK(w.cached(f, 8) == nullptr);
    w.check_mapped_is_cached(w.t, f, a);
    w.audit();
}

FILE_PROFILES("memory that was allocated and not used counts when it is used", "[truncate]") {
    file_world<TestType> w;
    mm::file& f = w.memfd(4, mm::fill::sparse);
    const vaddr a = w.map_file(f);
    CHECK(w.box.pread(f, 0) == 0);
    CHECK(w.cached_pages(f) == 0);  // reading a hole leaves it one
    REQUIRE(w.box.fallocate(f, file_change::alloc, 0, 2 * 4096) == 0);
    CHECK(w.cached_pages(f) == 2);
    CHECK(w.t.mincore(a, 4 * 4096) == 0);
    CHECK(w.t.load(a).value == 0);
    CHECK(w.t.inspect(a + 4096).map == mm::entry_kind::none);  // not yet worth to be mapped along
    CHECK(w.t.mincore(a, 4 * 4096) == 1);
    w.box.drop_caches();
    CHECK(w.cached_pages(f) == 2);
    w.audit();
}

FILE_PROFILES("what memory files have in swap goes with the range, or comes back for its edge", "[truncate]") {
    file_world<TestType> w;
    mm::file& f = w.memfd(4);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.fault_in(a, 4, false) == 4);
    w.box.phys().lru_drain_all();
    REQUIRE(w.t.madvise(a, 4 * 4096, mm::advice::pageout) == 0);
    REQUIRE(w.cached_pages(f) == 0);
    REQUIRE(w.box.fallocate(f, file_change::punch, 4096, 4096) == 0);
    CHECK(w.box.pread(f, 4096) == 0);
    CHECK(w.box.pread(f, 0) == 1);
    REQUIRE(w.box.truncate(f, 3 * 4096 + 1) == 0);
    REQUIRE(w.box.truncate(f, 4 * 4096) == 0);
    CHECK(w.box.pread(f, 3 * 4096) == 4);
    CHECK(w.box.pread(f, 3 * 4096 + 1) == 0);
    CHECK(w.box.pread(f, 2 * 4096) == 3);
    w.audit();
}

FILE_PROFILES("a huge folio that is cut comes apart if nobody holds it, else it is zeroed and stays", "[truncate]") {
    for (const bool pinned : {false, true}) {
        file_world<TestType> w;
        mm::file& f = w.make(file_kind::tmpfs_huge, 2_MiB, mm::fill::sparse);
        const vaddr a = w.map(2_MiB, {.shared = true, .kind = mm::map_kind::file, .source = &f, .huge = true});
        REQUIRE(w.t.store(a + 4096 * 300, 3) == fault_result::ok);
        frame<TestType>* page = w.page_at(a + 4096 * 300);
        if (w.box.phys().head(page)->order() != mm::pmd_order) continue;  // this profile has none here
        if (pinned) REQUIRE(w.pin(a + 4096 * 300, 1, foll::write) == 1);
        REQUIRE(w.box.truncate(f, 4096 * 100) == 0);
        CHECK(w.t.load(a + 4096 * 300).fault == fault_result::sigbus);
        CHECK((w.cached(f, 300) != nullptr) == pinned);
        CHECK(w.cached(f, 50) != nullptr);
        if (pinned) {
            CHECK(w.box.dma_read(w.pages[0], 0) == 0);
            w.unpin(1);
        }
        w.audit();
    }
}

FILE_PROFILES("a file ends with its last handle and mapping; pins do not keep it", "[truncate]") {
    for (const file_kind kind : both_kinds) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 2 * 4096);
        const vaddr a = w.map_file(f);
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        w.box.close(f);
        CHECK(w.t.load(a).value == 1);  // still mapped
        REQUIRE(w.t.munmap(a, 4096) == 0);
        CHECK(w.cached(f, 0) == w.pages[0]);
        REQUIRE(w.t.munmap(a + 4096, 4096) == 0);
        CHECK(w.cached_pages(f) == 0);
        CHECK(w.raw(w.pages[0]) == 1024);
        CHECK(w.box.state_of(w.pages[0]).kind == mm::page_kind::kernel);
        w.unpin(1);
        w.audit();
    }
    file_world<TestType> w;
    const vaddr s = w.map(4096, {.shared = true});
    REQUIRE(w.pin(s, 1, foll::write) == 1);
    mm::task<TestType>* child = *w.box.fork(w.t);
    REQUIRE(w.t.munmap(s, 4096) == 0);
    CHECK(w.box.state_of(w.pages[0]).kind == mm::page_kind::shmem);  // the child maps it
    w.box.exit(*child);
    CHECK(w.box.state_of(w.pages[0]).kind == mm::page_kind::kernel);
    w.unpin(1);
    w.audit();
}

}  // namespace truncate_tests
