// SPDX-License-Identifier: BSL-1.0
// Releasing: any partition, any order, any mix of functions (INV-1, INV-12, spec 06 §9).
#include "box.hpp"

#include <random>

namespace releases_tests {

using namespace mmt;

BOTH_PROFILES("releases in any order and batching return every count to its baseline", "[releases]") {
    std::mt19937 rng(42);
    for (int round = 0; round < 30; ++round) {
        world<TestType> w;
        const vaddr a = w.map(6_MiB, {.huge = true});
        auto& f = w.box.create_file(mm::file_kind::memfd, 64_KiB, mm::fill::pattern);
        const vaddr b = w.map(64_KiB, {.shared = true, .source = &f});
        REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
        REQUIRE(w.t.store(a + 2_MiB, 1) == mm::fault_result::ok);
        w.split_entry(a + 2_MiB);
        std::vector<frame<TestType>*> pins, gets;
        for (int i = 0; i < 40; ++i) {
            const bool of_file = rng() % 4 == 0;
            const vaddr at = of_file ? b + rng() % 16 * 4096 : a + rng() % 1500 * 4096;
            const long n = of_file ? 1 + static_cast<long>(rng() % 4) : 1 + static_cast<long>(rng() % 600);
            const bool slow = rng() % 2 == 0, get = rng() % 3 == 0;
            long got = 0;
            w.pages.assign(static_cast<std::size_t>(n), nullptr);
            if (get) got = slow ? w.t.get_user_pages(at, static_cast<std::uint64_t>(n), foll::write, w.pages)
                                : w.t.get_user_pages_fast(at, n, foll::write, w.pages);
            else got = slow ? w.t.pin_user_pages(at, static_cast<std::uint64_t>(n), foll::write, w.pages)
                            : w.t.pin_user_pages_fast(at, n, foll::write, w.pages);
            REQUIRE(got > 0);
            auto& to = get ? gets : pins;
            to.insert(to.end(), w.pages.begin(), w.pages.begin() + got);
        }
        w.audit();
        CHECK(w.box.counters().live() == static_cast<std::int64_t>(pins.size()));
        if (round % 3 != 0) std::shuffle(pins.begin(), pins.end(), rng);
        if (round % 2 == 0) CHECK(w.t.munmap(a, 4_MiB) == 0);
        for (std::size_t i = 0; i < pins.size();) {
            const std::size_t n = std::min<std::size_t>(1 + rng() % 700, pins.size() - i);
            const std::span<frame<TestType>* const> part(pins.data() + i, n);
            switch (rng() % 5) {
                case 0: w.t.unpin_user_pages(part); break;
                case 1: w.t.unpin_user_pages_dirty_lock(part, rng() % 2 == 0); break;
                case 2: w.t.put_user_pages_dirty_lock(part, rng() % 2 == 0); break;  // the name of 2019
                case 3:
                    for (auto* p : part) w.t.unpin_user_page(p);
                    break;
                default:
                    for (auto* p : part) w.t.unpin_user_page_range_dirty_lock(p, 1, rng() % 2 == 0);
            }
            i += n;
        }
        CHECK(w.box.counters().live() == 0);
        w.audit();
        w.t.put_pages(gets);
        w.audit();
        w.box.exit(w.t);
        for (const std::string& fault : mm::audit(w.box)) FAIL_CHECK(fault);
        CHECK(w.box.warn().total() == 0);
    }
}

BOTH_PROFILES("only the number of releases of a folio matters, not which sub-page is named", "[releases]") {
    world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 512, foll::write) == 512);
    auto* head = w.page_at(a);
    for (int i = 0; i < 511; ++i) w.t.unpin_user_page(head);
    CHECK(static_cast<bool>(mm::physical<TestType>::ops::maybe_pinned(head)));
    w.t.unpin_user_page(w.pages[300]);
    CHECK(w.refs(a) == 1);
    w.audit();
}

BOTH_PROFILES("a null in the array is skipped, wherever it stands", "[releases]") {
    world<TestType> w;
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 6, foll::write) == 6);
    auto p = w.pages;
    const std::vector<frame<TestType>*> holed{nullptr, p[0], nullptr, nullptr, p[1], p[2], nullptr, p[3], p[4], p[5],
                                              nullptr};
    w.t.unpin_user_pages(holed);
    CHECK(w.refs(a) == 1);
    for (const bool dirty : {false, true}) {
        w.t.unpin_user_pages_dirty_lock(std::span(holed).first(1), dirty);  // and nothing else
        CHECK(w.refs(a) == 1);
    }
    w.audit();
}

BOTH_PROFILES("a negative errno taken for a number of pages releases nothing", "[releases]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    w.t.unpin_user_pages(w.pages.data(), -err::efault);
    CHECK(w.box.warn().hits(mm::warn_id::unpin_errno) == 1);
    CHECK(w.refs(a) == 1025);
    w.t.unpin_user_pages(w.pages.data(), 1);
    CHECK(w.refs(a) == 1);
    w.audit();
}

BOTH_PROFILES("a range release goes folio by folio and dirties each", "[releases]") {
    world<TestType> w;
    auto& phys = w.box.phys();
    const vaddr a = w.huge();
    REQUIRE(w.pin(a, 512, foll::write) == 512);
    CHECK(w.flags(a).find('D') == std::string::npos);
    w.t.unpin_user_page_range_dirty_lock(w.pages[0], 500, false);
    CHECK(w.flags(a).find('D') == std::string::npos);
    w.t.unpin_user_page_range_dirty_lock(w.pages[500], 12, true);
    CHECK(w.flags(a).find('D') != std::string::npos);
    CHECK(w.refs(a) == 1);
    CHECK(phys.stats.total().live() == 0);
    w.audit();
}

BOTH_PROFILES("dirty is marked before the release, also on a page the release frees", "[releases]") {
    world<TestType> w;
    const vaddr a = w.map(4096);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(w.t.munmap(a, 4096) == 0);
    w.box.phys().lru_drain_all();
    const auto free = w.box.free_pages();
    w.t.unpin_user_pages_dirty_lock(w.first(1), true);
    CHECK(w.box.free_pages() == free + 1);
    w.audit();
}

BOTH_PROFILES("a pin outlives its mapping and its owner, and the device still reaches the data", "[releases]") {
    world<TestType> w;
    auto& t = w.box.spawn();
    const auto a = t.mmap(4096);
    REQUIRE(t.store(*a + 7, 0x33) == mm::fault_result::ok);
    std::vector<frame<TestType>*> page(1);
    REQUIRE(t.pin_user_pages_fast(*a, 1, foll::write, page) == 1);
    w.box.exit(t);
    CHECK(w.box.state_of(page[0]).refs == 1024);
    CHECK(w.box.state_of(page[0]).kind == mm::page_kind::anon);
    CHECK(w.box.dma_read(page[0], 7) == 0x33);
    w.audit();
    const auto free = w.box.free_pages();
    w.t.unpin_user_page(page[0]);
    CHECK(w.box.free_pages() == free + 1);
    w.audit();
}

}  // namespace releases_tests
