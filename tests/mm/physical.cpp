// SPDX-License-Identifier: BSL-1.0
// Frames, zones, the buddy allocator, the memmaps, contents.
#include "box.hpp"

#include <algorithm>
#include <random>
#include <set>

namespace physical_tests {

using namespace mmt;

TEST_CASE("a descriptor is one cache line, and zeroed memory becomes a dead one", "[physical]") {
    STATIC_REQUIRE(sizeof(frame<checked_2019>) == 64);
    STATIC_REQUIRE(sizeof(frame<checked_6_12>) == 64);
    const mm::arena memory(4096);
    auto* f = reinterpret_cast<frame<checked_6_12>*>(memory.data());
    f->be_born_dead();
    CHECK(f->count.is_dead());
    CHECK_FALSE(f->is_tail());
    CHECK(f->mapcount.load() == 0);
    CHECK_FALSE(f->is(mm::pg::buddy));
}

TEST_CASE("a machine of one tebibyte starts, and only what is used exists", "[physical]") {
    mm::options o;
    o.ram = 1_TiB;
    mm::machine<mm::linux_6_12> box{o};
    CHECK(box.free_pages() == (1_TiB >> mm::page_shift) - 2);  // the zero page and the gate's
    auto& t = box.spawn();
    const auto a = t.mmap(1_MiB);
    CHECK(t.fault_in(*a, 256, true) == 256);
    CHECK(box.free_pages() < (1_TiB >> mm::page_shift) - 256);
}

BOTH_PROFILES("a frame nobody has touched yet is met by its number, and nothing becomes of it", "[physical]") {
    mm::options o;
    o.ram = 64_MiB;
    o.device_space = 16_MiB;
    world<TestType> w{o};
    auto& phys = w.box.phys();
    const auto free = phys.free_pages();
    const mm::pfn of_no_device = phys.device_first() + 5;
    const auto report = mm::memory_failure(phys, of_no_device);
    CHECK(report.fate == mm::failure_fate::ignored);
    CHECK(report.error == -mm::err::ebusy);
    auto* const last = phys.at(phys.device_first() - 1);
    CHECK_FALSE(phys.try_get_met(last));
    CHECK(last->count.raw() == 0);
    phys.each_zone([&](auto& z) { (void)mm::compact_zone(phys, z); });
    CHECK(phys.free_pages() == free);
    w.audit();
}

BOTH_PROFILES("every order is aligned, counted once on its head, and comes back", "[physical]") {
    world<TestType> w;
    auto& phys = w.box.phys();
    const auto before = phys.free_pages();
    for (unsigned order = 0; order <= mm::max_order; ++order) {
        auto* head = phys.alloc({.order = order});
        REQUIRE(head);
        CHECK(phys.number(head).n % (std::uint64_t{1} << order) == 0);
        CHECK(head->count.refs() == 1);
        CHECK(phys.free_pages() == before - (std::uint64_t{1} << order));
        for (std::uint64_t k = 0; k < head->pages(); ++k) {
            auto* p = phys.nth(head, k);
            CHECK(phys.head(p) == head);
            CHECK(p->count.refs() == (k == 0 ? 1 : 0));
        }
        phys.drop(head, mm::holder::hand_out);
        CHECK(phys.free_pages() == before);
    }
    w.audit();
}

BOTH_PROFILES("random allocations never overlap and merge back to the largest blocks", "[physical]") {
    world<TestType> w(small(32_MiB));
    auto& phys = w.box.phys();
    std::mt19937 rng(7);
    std::vector<frame<TestType>*> held;
    std::set<std::uint64_t> used;
    const auto before = phys.free_pages();
    for (int step = 0; step < 4000; ++step) {
        if (rng() % 5 < 3) {
            auto* f = phys.alloc({.order = static_cast<unsigned>(rng() % 6), .movable = rng() % 2 == 0});
            if (!f) continue;
            for (std::uint64_t k = 0; k < f->pages(); ++k) REQUIRE(used.insert(phys.number(f).n + k).second);
            held.push_back(f);
        } else if (!held.empty()) {
            const std::size_t i = rng() % held.size();
            for (std::uint64_t k = 0; k < held[i]->pages(); ++k) used.erase(phys.number(held[i]).n + k);
            phys.drop(held[i], mm::holder::hand_out);
            held[i] = held.back();
            held.pop_back();
        }
    }
    for (auto* f : held) phys.drop(f, mm::holder::hand_out);
    CHECK(phys.free_pages() == before);
    std::vector<frame<TestType>*> blocks;
    while (auto* f = phys.alloc({.order = mm::max_order})) blocks.push_back(f);
    CHECK(blocks.size() == 7);  // eight, less the one the zero page is in
    for (auto* f : blocks) phys.drop(f, mm::holder::hand_out);
    w.audit();
}

TEST_CASE("memory out is an answer, and everything is there again afterwards", "[physical]") {
    world<checked_6_12> w(small(8_MiB));
    auto& phys = w.box.phys();
    const auto before = phys.free_pages();
    std::vector<frame<checked_6_12>*> all;
    while (auto* f = phys.alloc({})) all.push_back(f);
    CHECK(all.size() == before);
    CHECK(phys.free_pages() == 0);
    for (auto* f : all) phys.drop(f, mm::holder::hand_out);
    CHECK(phys.free_pages() == before);
}

TEST_CASE("zones: what cannot move never stands in the movable zone or in CMA", "[physical]") {
    mm::options o = small(16_MiB);
    o.movable = 16_MiB;
    o.cma = 8_MiB;
    world<checked_6_12> w(o);
    auto& phys = w.box.phys();
    std::vector<frame<checked_6_12>*> all;
    while (auto* f = phys.alloc({.movable = false})) {
        CHECK(f->zone() != mm::zone_kind::movable);
        CHECK(phys.types.of(phys.number(f)) != mm::migrate_type::cma);
        CHECK(mm::is_longterm_pinnable(phys, f));
        all.push_back(f);
    }
    std::size_t movable = 0, cma = 0;
    while (auto* f = phys.alloc({})) {
        movable += f->zone() == mm::zone_kind::movable;
        cma += phys.types.of(phys.number(f)) == mm::migrate_type::cma;
        CHECK_FALSE(mm::is_longterm_pinnable(phys, f));
        all.push_back(f);
    }
    CHECK(movable == (16_MiB >> mm::page_shift));
    CHECK(cma == (8_MiB >> mm::page_shift));
    for (auto* f : all) phys.drop(f, mm::holder::hand_out);
}

TEST_CASE("inside a long-term pin nothing movable is handed out", "[physical]") {
    mm::options o = small(16_MiB);
    o.movable = 16_MiB;
    world<checked_6_12> w(o);
    auto& phys = w.box.phys();
    auto* outside = phys.alloc({});
    const mm::pin_scope scope(true);
    auto* inside = phys.alloc({});
    CHECK(outside->zone() == mm::zone_kind::movable);
    CHECK(inside->zone() != mm::zone_kind::movable);
    phys.drop(outside, mm::holder::hand_out);
    phys.drop(inside, mm::holder::hand_out);
}

TEST_CASE("sectioned memmap: stepping by pointer leaves the array, stepping by frame does not", "[physical]") {
    mm::options o = small(512_MiB);
    world<sectioned_6_12> w(o);
    auto& phys = w.box.phys();
    const mm::pfn last{mm::sectioned_memmap::section - 1};
    auto* end = phys.at(last);
    CHECK(phys.at({last.n + 1}) != end + 1);  // DEF-21
    CHECK(phys.number(phys.nth(end, 1)).n == last.n + 1);
    for (std::uint64_t n = 0; n < 4 * mm::sectioned_memmap::section; n += 97) CHECK(phys.number(phys.at({n})).n == n);
    const vaddr a = w.huge();
    CHECK(w.pin(a, 512, foll::write) == 512);
    for (std::uint64_t k = 0; k < 512; ++k) CHECK(phys.number(w.pages[k]).n == phys.number(w.pages[0]).n + k);
    w.unpin(512);
    const vaddr single = w.map(40 * 4096);
    REQUIRE(w.t.fault_in(single, 40, true) == 40);
    CHECK(w.pin(single, 40, foll::write) == 40);
    for (std::uint64_t k = 0; k < 40; ++k) CHECK(w.pages[k] == w.page_at(single + k * 4096));
    w.unpin(40);
    w.audit();
}

TEST_CASE("a new page is zero whatever its frame held before, and a freed one is poisoned", "[physical]") {
    world<checked_6_12> w(small(8_MiB));
    auto& phys = w.box.phys();
    auto* f = phys.alloc({});
    const mm::pfn n = phys.number(f);
    const auto life = f->generation;
    w.box.dma_write(f, 17, 0x5a);
    phys.drop(f, mm::holder::hand_out);
    CHECK(phys.data.load(n, 17) == 0x6b);
    auto* again = phys.alloc({});
    REQUIRE(phys.number(again) == n);
    CHECK(again->generation != life);
    CHECK(w.box.dma_read(again, 17) == 0);
    phys.drop(again, mm::holder::hand_out);
}

TEST_CASE("a folio freed while an entry or a pin shows is quarantined, with one WARN", "[physical]") {
    world<checked_6_12> w;
    auto& phys = w.box.phys();
    auto* f = phys.alloc({.order = 2});
    f->count.set_raw(1, 1);  // a pincount nobody owns
    phys.drop(f, mm::holder::hand_out);
    CHECK(w.box.warn().hits(mm::warn_id::bad_page) == 1);
    CHECK(f->is(mm::pg::bad));
    CHECK_FALSE(f->is(mm::pg::buddy));
}

TEST_CASE("a machine nobody listens to reports by the handler of the process, once per site", "[physical]") {
    static int told = 0;
    static std::string site;
    told = 0;
    const auto before = pinfold::set_warn_handler([](const pinfold::warn_report& r) noexcept {
        ++told;
        site = r.site;
    });
    world<checked_6_12> w;
    w.box.warn().set_handler(nullptr);
    w.box.warn().emit(mm::warn_id::double_free, 3);
    w.box.warn().emit(mm::warn_id::double_free, 4);
    pinfold::set_warn_handler(before);
    CHECK(told == 1);
    CHECK(site.find("WARN:FREE:double") != std::string::npos);
    CHECK(w.box.warn().hits(mm::warn_id::double_free) == 2);
    w.box.warn().reset();
}

BOTH_PROFILES("the audit names each unit that does not add up, and nothing else", "[physical]") {
    world<TestType> w;
    auto& phys = w.box.phys();
    const vaddr a = w.map(4096);
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    phys.lru_drain_all();
    auto* const page = w.page_at(a);
    const auto faults = [&](auto spoil, auto mend) {
        spoil();
        std::vector<std::string> found = mm::audit(w.box);
        mend();
        w.audit();
        return found;
    };
    const auto says = [](const std::vector<std::string>& found, const char* what) {
        return !found.empty() && std::all_of(found.begin(), found.end(), [&](const std::string& f) { return f.find(what) != std::string::npos; });
    };
    const auto number = "frame " + std::to_string(phys.number(page).n) + ":";
    CHECK(says(faults([&] { page->mapcount.store(2); }, [&] { page->mapcount.store(1); }), number.c_str()));
    CHECK(says(faults([&] { page->set(mm::pg::locked); }, [&] { page->clear(mm::pg::locked); }), "page lock"));
    CHECK(says(faults([&] { phys.stats.acquired(0, 1); }, [&] { phys.stats.released(0, 1); }), "INV-3"));
    const auto entry_more = faults([&] { phys.note(page, mm::holder::entry, 1); }, [&] { phys.note(page, mm::holder::entry, -1); });
    CHECK(std::any_of(entry_more.begin(), entry_more.end(), [](const std::string& f) { return f.find("references of entries 2, entries 1") != std::string::npos; }));
    auto* const free = phys.alloc({.order = 3});
    phys.drop(free, mm::holder::hand_out);
    frame<TestType>* block = nullptr;
    phys.each_frame([&](frame<TestType>* f) {
        if (!block && f->is(mm::pg::buddy)) block = f;
    });
    REQUIRE(block);
    block->be_born_dead();  // it may be one that was never handed out
    CHECK(says(faults([&] { block->count.init(1); }, [&] { REQUIRE(block->count.freeze(1)); }), "INV-5"));
}

}  // namespace physical_tests
