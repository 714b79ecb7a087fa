// SPDX-License-Identifier: BSL-1.0
// Threads that use one cached file in every way at once.
#include <thread>

#include "file_box.hpp"

namespace file_threads {

using namespace mmt;

namespace {

/// What threads find: the test framework hears of it from one thread, afterwards.
class findings {
public:
    void need(bool is_right) { if (!is_right) wrong_.adjust(1); }
    [[nodiscard]] auto wrong() const { return wrong_.load_acquire(); }

private:
    mm::word32 wrong_;
};

}  // namespace

FILE_PROFILES("faults, pins, cuts, writeback and direct I/O of one file agree in the end", "[file-threads]") {
    for (const mm::file_kind kind : {mm::file_kind::ext4, mm::file_kind::memfd}) {
        file_world<TestType> w;
        mm::file& f = w.make(kind, 48 * 4096);
        const vaddr a = w.map_file(f), own = w.map_file(f, false), buffer = w.map(8 * 4096);
        constexpr unsigned rounds = 120;
        findings found;
        std::vector<std::thread> crowd;
        for (unsigned who = 0; who < 2; ++who)
            crowd.emplace_back([&, who] {
                std::vector<frame<TestType>*> pages(4);
                for (unsigned i = 0; i < rounds; ++i) {
                    const vaddr at = (i % 5 == 0 ? own : a) + 4096 * ((who * 17 + i * 5) % 44);
                    (void)w.t.store(at, static_cast<unsigned char>(i));
                    const unsigned flags = i % 2 == 0 ? foll::write : 0U;
                    const long n = i % 3 == 0 ? w.t.pin_user_pages(at, 4, flags, pages)
                                              : w.t.pin_user_pages_fast(at, 4, flags, pages);
                    if (n <= 0) continue;
                    if (flags != 0) w.box.dma_write(pages[0], i % 4096, 1);
                    w.t.unpin_user_pages_dirty_lock({pages.data(), static_cast<std::size_t>(n)}, flags != 0 && i % 4 == 0);
                }
            });
        crowd.emplace_back([&] {
            for (unsigned i = 0; i < rounds; ++i) {
                switch (i % 6) {
                    case 0: found.need(w.box.truncate(f, 4096 * (i % 48) + i % 4096) == 0); break;
                    case 1: found.need(w.box.truncate(f, 48 * 4096) == 0); break;
                    case 2: found.need(w.box.fallocate(f, mm::file_change::punch, 5000, 60000) == 0); break;
                    case 3: (void)w.box.fallocate(f, mm::file_change::collapse, 8192, 4096); break;
                    case 4: w.box.fsync(f); break;
                    default: (void)w.t.direct_write(f, 4096 * (i % 40), buffer, 4 * 4096); break;
                }
            }
        });
        crowd.emplace_back([&] {
            for (unsigned i = 0; i < rounds; ++i) {
                if (i % 3 == 0) w.box.drop_caches();
                else if (i % 3 == 1) (void)w.box.pread(f, 4096 * (i % 48));
                else found.need(w.box.pwrite(f, 4096 * (i % 40), 1) == 0);
                if (i % 7 == 0) (void)w.t.direct_read(f, 0, buffer, 8 * 4096);
                if (i % 9 == 0) (void)w.t.madvise(a, 16 * 4096, mm::advice::pageout);
                if (i % 11 == 0) found.need(w.t.madvise(a + 16 * 4096, 8 * 4096, mm::advice::dontneed) == 0);
            }
        });
        for (auto& t : crowd) t.join();
        CHECK(found.wrong() == 0);
        w.check_mapped_is_cached(w.t, f, a);
        w.check_mapped_is_cached(w.t, f, own);
        w.audit();
        CHECK(w.box.truncate(f, 0) == 0);
        CHECK(w.cached_pages(f) == 0);
        w.audit();
    }
}

FILE_PROFILES("no store is lost between writeback and the fault that tells of the next one", "[file-threads]") {
    file_world<TestType> w;
    mm::file& f = w.ext4(4);
    const vaddr a = w.map_file(f);
    mm::word32 stop;
    findings found;
    std::thread writer([&] {
        for (unsigned i = 0; stop.load_acquire() == 0; ++i) w.box.fsync(f);
    });
    std::vector<std::thread> crowd;
    for (unsigned who = 0; who < 2; ++who)
        crowd.emplace_back([&, who] {
            for (unsigned i = 1; i <= 400; ++i)
                found.need(w.t.store(a + 4096 * (i % 4) + who, static_cast<unsigned char>(i)) == mm::fault_result::ok);
        });
    for (auto& t : crowd) t.join();
    stop.publish(1);
    writer.join();
    CHECK(found.wrong() == 0);
    w.box.fsync(f);
    for (unsigned who = 0; who < 2; ++who)
        for (unsigned k = 0; k < 4; ++k) CHECK(w.on_disk(f, 4096 * k + who) == static_cast<unsigned char>(k == 0 ? 400 : 396 + k));
    REQUIRE(w.t.munmap(a, f.size) == 0);
    w.box.drop_caches();
    CHECK(w.cached_pages(f) == 0);
    w.audit();
}

FILE_PROFILES("a fork beside truncation leaves no entry of a page that is gone", "[file-threads]") {
    file_world<TestType> w;
    mm::file& f = w.memfd(16);
    const vaddr a = w.map_file(f, false);
    REQUIRE(w.t.store(a + 15 * 4096, 1) == mm::fault_result::ok);  // so that fork copies the entries
    for (int round = 0; round < 40; ++round) {
        CHECK(w.box.truncate(f, 16 * 4096) == 0);
        REQUIRE(w.t.fault_in(a, 15, false) == 15);
        mm::task<TestType>* child = nullptr;
        std::thread forker([&] { child = *w.box.fork(w.t); });
        CHECK(w.box.truncate(f, 4096) == 0);
        forker.join();
        REQUIRE(child);
        w.check_mapped_is_cached(*child, f, a);
        w.box.exit(*child);
    }
    w.audit();
}

}  // namespace file_threads
