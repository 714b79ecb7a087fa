// SPDX-License-Identifier: BSL-1.0
// Threads that fault, pin, cut and sync one DAX file, and threads that send pages to a device and touch them.
#include "device_box.hpp"

namespace device_threads {

using namespace mmt;

ALL_DEVICE_RULES("faults, pins, truncation and sync of one DAX file agree in the end", "[device-threads]") {
    device_world<TestType> w;
    mm::file& f = w.dax_file(64, mm::fill::sparse);
    const vaddr a = w.map_file(f);
    constexpr int rounds = 300;
    std::vector<std::thread> crowd;
    for (unsigned who = 0; who < 3; ++who)
        crowd.emplace_back([&, who] {
            std::vector<frame<TestType>*> pages(4);
            for (unsigned i = 0; i < rounds; ++i) {
                const vaddr at = a + 4096 * ((who * 17 + i * 5) % 60);
                const bool slow = i % 3 == 0;
                const long n = slow ? w.t.pin_user_pages(at, 4, foll::write, pages)
                                    : w.t.pin_user_pages_fast(at, 4, foll::write, pages);
                if (n <= 0) continue;
                w.box.dma_write(pages[0], i % 4096, 1);
                w.t.unpin_user_pages({pages.data(), static_cast<std::size_t>(n)});
            }
        });
    crowd.emplace_back([&] {
        for (unsigned i = 0; i < rounds / 3; ++i) {
            if (i % 4 == 0) CHECK(w.box.truncate(f, 4096 * (i % 64)) == 0);
            else if (i % 4 == 1) CHECK(w.box.truncate(f, 64 * 4096) == 0);
            else if (i % 4 == 2) CHECK(w.box.fallocate(f, mm::file_change::punch, 8192, 65536) == 0);
            else w.box.fsync(f);
        }
    });
    for (auto& t : crowd) t.join();
    CHECK_FALSE(w.warned(mm::warn_id::dax_busy_entry));
    w.audit();
    CHECK(w.box.truncate(f, 0) == 0);
    w.audit();
}

TEMPLATE_TEST_CASE("pages that go to a device while they are touched keep their contents", "[device-threads]",
                   mmt::checked_2019, mmt::checked_6_12) {
    device_world<TestType> w;
    auto& device = w.box.create_device_memory(mm::device_type::private_memory, 64 * 4096);
    const vaddr a = w.map(16 * 4096);
    for (unsigned k = 0; k < 16; ++k) REQUIRE(w.t.store(a + 4096 * k, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
    mm::word32 wrong, stop;
    std::thread mover([&] {
        for (int i = 0; i < 60; ++i) (void)device.take_over(w.t.mm(), a, 16);
        stop.publish(1);
    });
    std::thread reader([&] {
        for (unsigned i = 0; stop.load_acquire() == 0; ++i) {
            const unsigned k = i % 16;
            const auto l = w.t.load(a + 4096 * k);
            if (l.fault != mm::fault_result::ok || l.value != k + 1) wrong.adjust(1);
        }
    });
    mover.join();
    reader.join();
    CHECK(wrong.load() == 0);
    w.audit();
    REQUIRE(w.t.munmap(a, 16 * 4096) == 0);
    CHECK(device.free_pages() == 64);
    w.audit();
}

}  // namespace device_threads
