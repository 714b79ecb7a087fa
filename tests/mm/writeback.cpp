// SPDX-License-Identifier: BSL-1.0
// Writeback: what it cleans, what it believes, and what a device that writes through a pin makes of that (HAZ-WB).
// Source: spec 07 §10 B14, spec 10 §15.
#include "file_box.hpp"

namespace writeback_tests {

using namespace mmt;
using mm::fault_result;

FILE_PROFILES("writeback cleans every shared entry, and the next write is told again", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(2);
    mm::task<TestType>& other = w.box.spawn();
    const vaddr a = w.map_file(f);
    const vaddr b = *other.mmap(f.size, {.shared = true, .kind = mm::map_kind::file, .source = &f});
    const vaddr own = w.map_file(f, false);
    REQUIRE(w.t.store(a, 11) == fault_result::ok);
    REQUIRE(other.store(b + 1, 12) == fault_result::ok);
    REQUIRE(w.t.store(own + 2, 13) == fault_result::ok);
    frame<TestType>* page = w.page_at(a);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.raw(page) == 1 + 2 + 1);  // cache, two entries, buffers
    CHECK(page->is(mm::pg::dirty));
    REQUIRE(w.box.fsync(f) == 0);
    CHECK(w.letters(a) == "Y");
    CHECK(other.inspect(b).letters == "Y");
    CHECK(w.letters(own) == "WDY");  // a private copy is nobody's page cache
    CHECK_FALSE(page->is(mm::pg::dirty));
    CHECK(w.raw(page) == 4);
    CHECK(w.on_disk(f, 0) == 11);
    CHECK(w.on_disk(f, 1) == 12);
    CHECK(w.on_disk(f, 2) == 1);
    REQUIRE(w.t.store(a, 14) == fault_result::ok);
    CHECK(w.letters(a) == "WDY");
    CHECK(other.inspect(b).letters == "Y");
    CHECK(page->is(mm::pg::dirty));
    w.audit();
}

FILE_PROFILES("what a device writes after writeback is lost unless it is said so", "[writeback]") {
    for (const bool says_so : {false, true}) {
        file_world<TestType> w;
        mm::file& f = w.ext4(1);
        const vaddr a = w.map_file(f);
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        REQUIRE(w.box.fsync(f) == 0);
        CHECK(w.letters(a) == "Y");  // pinned or not
        w.box.dma_write(w.pages[0], 0, 103);
        CHECK(w.t.load(a).value == 103);
        w.t.unpin_user_pages_dirty_lock(w.first(1), says_so);
        CHECK_FALSE(w.warned(mm::warn_id::dirty_unprepared));
        REQUIRE(w.t.munmap(a, 4096) == 0);
        REQUIRE(w.box.fsync(f) == 0);
        w.box.drop_caches();
        CHECK(w.cached_pages(f) == 0);
        CHECK(w.box.pread(f, 0) == (says_so ? 103 : 1));
        w.audit();
    }
}

TEST_CASE("both profiles write what is pinned; the remedies answer for pages that may be", "[writeback]") {
    using enum mm::writeback_answer;
    STATIC_REQUIRE(std::is_same_v<mm::linux_6_12::writeback, mm::ignore_pins>);
    STATIC_REQUIRE(std::is_same_v<mm::foll_pin_2019::writeback, mm::ignore_pins>);
    const int page = 0;
    CHECK(mm::ignore_pins::on_writeback(page, true) == write);
    CHECK(mm::skip_pinned::on_writeback(page, true) == skip);
    CHECK(mm::bounce_pinned::on_writeback(page, true) == bounce);
    CHECK(mm::keep_pinned_dirty::on_writeback(page, true) == stay_dirty);
    CHECK(mm::keep_pinned_dirty::on_writeback(page, false) == write);
}

FILE_PROFILES("a device that writes under I/O tears what is sent off, unless the filesystem minds pins", "[writeback]") {
    using enum mm::writeback_answer;
    for (const auto answer : {write, skip, bounce, stay_dirty}) {
        file_world<TestType> w;
        steered_writeback::if_pinned = answer;
        const bool still = answer == skip || answer == bounce, dirty = answer == skip || answer == stay_dirty;
        mm::file& f = w.ext4(2);
        const vaddr a = w.map_file(f);
        REQUIRE(w.t.store(a + 4096, 5) == fault_result::ok);
        REQUIRE(w.pin(a, 1, foll::write) == 1);
        frame<TestType>* page = w.pages[0];
        steered_writeback::meanwhile = [&] {
            CHECK(page->is(mm::pg::writeback));
            w.box.dma_write(page, 7, 77);
        };
        const mm::written_back done = mm::write_back(w.box.phys(), f, 0, 1);
        CHECK(done.torn == (still ? 0U : 1U));
        CHECK(done.written == (answer == skip ? 0U : 1U));
        CHECK(done.kept_dirty == (dirty ? 1U : 0U));
        CHECK(page->is(mm::pg::dirty) == dirty);
        CHECK_FALSE(page->is(mm::pg::writeback));
        CHECK(w.letters(a) == "Y");
        CHECK(w.on_disk(f, 7) == (still ? 1 : 77));
        steered_writeback::meanwhile = nullptr;
        const mm::written_back rest = mm::write_back(w.box.phys(), f, 1);  // not pinned: nobody minds
        CHECK(rest.written == 1);
        CHECK(w.on_disk(f, 4096) == 5);
        w.box.dma_write(page, 8, 88);
        w.unpin(1);
        REQUIRE(w.box.fsync(f) == 0);
        CHECK((w.on_disk(f, 8) == 88) == dirty);  // who stayed dirty has lost nothing
        w.audit();
    }
}

FILE_PROFILES("a page under I/O is neither dropped nor thrown out", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(1);
    REQUIRE(w.box.pwrite(f, 0, 9) == 0);
    frame<TestType>* page = w.cached(f, 0);
    bool seen = false;
    steered_writeback::meanwhile = [&] {
        seen = true;
        CHECK(w.box.state_of(page).flags == "T");
        w.box.drop_caches();
        CHECK(w.cached(f, 0) == page);
    };
    REQUIRE(w.box.fsync(f) == 0);
    CHECK(seen);
    w.box.drop_caches();
    CHECK(w.cached(f, 0) == nullptr);
    CHECK(w.on_disk(f, 0) == 9);
    w.audit();
}

FILE_PROFILES("dirt the filesystem was not told about is warned of, and not written", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(1);
    const vaddr a = w.map_file(f);
    REQUIRE(w.pin(a, 1) == 1);
    w.box.dma_write(w.pages[0], 0, 99);
    w.t.unpin_user_pages_dirty_lock(w.first(1), true);
    CHECK(w.warned(mm::warn_id::dirty_unprepared));
    CHECK(w.flags(a) == "D");
    const mm::written_back done = mm::write_back(w.box.phys(), f);
    CHECK(done.unprepared == 1);
    CHECK(done.written == 0);
    CHECK(w.flags(a).empty());
    CHECK(w.on_disk(f, 0) == 1);
    CHECK(w.warned(mm::warn_id::writeback_unprepared) == is_2019<TestType>);
    w.audit();
}

FILE_PROFILES("reclaim takes the buffers of a page somebody holds: with pins, in 2019 only", "[writeback]") {
    for (const bool pinned : {false, true}) {
        file_world<TestType> w;
        mm::file& f = w.ext4(1);
        const vaddr a = w.map_file(f);
        REQUIRE((pinned ? w.pin(a, 1, foll::write) : w.get(a, 1, foll::write)) == 1);
        frame<TestType>* page = w.pages[0];
        REQUIRE(w.box.fsync(f) == 0);
        w.box.phys().lru_drain_all();
        REQUIRE(w.t.madvise(a, 4096, mm::advice::pageout) == 0);
        CHECK(w.t.inspect(a).map == mm::entry_kind::none);
        CHECK(w.cached(f, 0) == page);
        const bool kept = pinned && !is_2019<TestType>;
        CHECK(page->is(mm::pg::buffers) == kept);
        w.box.dma_write(page, 0, 66);
        if (pinned) w.t.unpin_user_pages_dirty_lock(w.first(1), true);
        else w.put(1);
        // The very case FOLL_PIN is for: dirty, and the filesystem has prepared nothing.
        CHECK(w.warned(mm::warn_id::dirty_unprepared) == (pinned && !kept));
        REQUIRE(w.box.fsync(f) == 0);
        CHECK(w.on_disk(f, 0) == (kept ? 66 : 1));
        w.audit();
    }
}

FILE_PROFILES("a dirty page that reclaim has met is not mapped along with others", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(2);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.fault_in(a, 2, true) == 2);
    w.box.phys().lru_drain_all();
    REQUIRE(w.t.madvise(a, 4096, mm::advice::pageout) == 0);
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    REQUIRE(w.t.madvise(a + 4096, 4096, mm::advice::dontneed) == 0);
    REQUIRE(w.t.touch(a + 4096, false) == fault_result::ok);
    CHECK(w.t.inspect(a).map == mm::entry_kind::none);
    REQUIRE(w.box.fsync(f) == 0);  // the mark goes with the dirt
    REQUIRE(w.t.madvise(a + 4096, 4096, mm::advice::dontneed) == 0);
    REQUIRE(w.t.touch(a + 4096, false) == fault_result::ok);
    CHECK(w.t.inspect(a).map == mm::entry_kind::leaf);
    w.audit();
}

FILE_PROFILES("what lies beyond the end of the last page is zeroed when it is written", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.make(mm::file_kind::ext4, 5000);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.store(a + 4999, 6) == fault_result::ok);
    REQUIRE(w.t.store(a + 5000, 7) == fault_result::ok);
    CHECK(w.t.load(a + 5000).value == 7);
    REQUIRE(w.box.fsync(f) == 0);
    CHECK(w.t.load(a + 5000).value == 0);
    CHECK(w.on_disk(f, 4999) == 6);
    CHECK(w.on_disk(f, 5000) == 0);
    CHECK(w.box.pread(f, 5000) == mm::end_of_file);
    w.audit();
}

FILE_PROFILES("msync writes the shared pages of its range and tells of holes", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(4);
    const vaddr a = w.map(8 * 4096, {.shared = true, .kind = mm::map_kind::file, .source = &f});
    for (unsigned k = 0; k < 4; ++k) REQUIRE(w.t.store(a + 4096 * k, 40) == fault_result::ok);
    CHECK(w.t.msync(a + 4096, 2 * 4096, mm::sync_mode::async) == 0);
    CHECK(w.letters(a + 4096) == "WDY");
    CHECK(w.t.msync(a + 4096, 4097, mm::sync_mode::sync) == 0);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.letters(a + 4096) == "Y");
    CHECK(w.letters(a + 8192) == "Y");
    CHECK(w.letters(a + 12288) == "WDY");
    CHECK(w.t.msync(a + 1, 4096, mm::sync_mode::sync) == -err::einval);
    REQUIRE(w.t.munmap(a + 4096, 4096) == 0);
    CHECK(w.t.msync(a, 4 * 4096, mm::sync_mode::sync) == -err::enomem);  // and the rest was done
    CHECK(w.letters(a + 12288) == "Y");
    REQUIRE(w.t.mlock(a, 4096) == 0);
    CHECK(w.t.msync(a, 4096, mm::sync_mode::invalidate) == -err::ebusy);
    w.audit();
}

FILE_PROFILES("memory files have nothing to be written to", "[writeback]") {
    file_world<TestType> w;
    mm::file& f = w.memfd(1);
    const vaddr a = w.map_file(f);
    REQUIRE(w.t.store(a, 9) == fault_result::ok);
    CHECK(w.box.fsync(f) == 0);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == "DB");
    w.audit();
}

}  // namespace writeback_tests
