// SPDX-License-Identifier: BSL-1.0
// Memory kept in order: CMA areas and offlined memory are emptied, zones compacted, pages moved to who uses them; and a
// clean slate of soft-dirty bits. Whoever holds a page stops each of them (spec 07 §1 §7 §11 §16).
#include "box.hpp"

namespace placement_tests {

using namespace mmt;

namespace {

mm::options roomy() {
    mm::options o = small(32_MiB);
    o.cma = 8_MiB;
    o.more_nodes.push_back({.ram = 0, .movable = 32_MiB});
    return o;
}
template <class P>
mm::pfn number_of(world<P>& w, vaddr a) {
    return w.t.inspect(a).page.number;
}

}  // namespace

BOTH_PROFILES("a zone without a free frame is left as it is by compaction", "[placement]") {
    world<TestType> w(small(8_MiB));
    const vaddr a = w.map(16_MiB);
    vaddr end = a;
    while (w.t.store(end, 7) == mm::fault_result::ok) end += 4096;
    auto& phys = w.box.phys();
    while (phys.alloc({.movable = false})) {
    }
    const auto first = number_of(w, a);
    const auto done = mm::compact_memory(phys);
    CHECK(done.moved == 0);
    CHECK(number_of(w, a) == first);
    for (vaddr at = a; at < end; at += 64 * 4096) CHECK(w.t.load(at).value == 7);
    w.audit();
}

BOTH_PROFILES("a CMA allocation empties its range; a pinned page in it is gone around", "[placement]") {
    world<TestType> w(roomy());
    const vaddr a = w.map(64 * 4096);
    for (unsigned k = 0; k < 64; ++k) {
        REQUIRE(w.t.store(a + k * 4096, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
        REQUIRE(mm::migrate_page(w.t.mm(), a + k * 4096, {.cma = true}).error == 0);
    }
    auto& phys = w.box.phys();
    const mm::pfn first{mm::align_down(number_of(w, a).n, 64)};
    const auto held_by = [&](mm::pfn at) {
        for (unsigned k = 0; k < 64; ++k)
            if (number_of(w, a + k * 4096) >= at && number_of(w, a + k * 4096) < at + 64) return true;
        return false;
    };
    REQUIRE(held_by(first));
    CHECK(mm::take_frames(phys, first, first + 64) == 0);
    CHECK_FALSE(held_by(first));
    CHECK(phys.types.of(first) == mm::migrate_type::cma);
    for (unsigned k = 0; k < 64; ++k) CHECK(w.t.load(a + k * 4096).value == k + 1);
    w.audit();
    CHECK(mm::take_frames(phys, first, first + 1) == -err::ebusy);  // handed out already
    for (std::uint64_t k = 0; k < 64; ++k) phys.drop(phys.at(first + k), mm::holder::hand_out);
    w.audit();

    REQUIRE(mm::migrate_page(w.t.mm(), a, {.cma = true}).error == 0);
    const mm::pfn stuck = number_of(w, a);
    REQUIRE(w.pin(a, 1, foll::write) == 1);
    CHECK(mm::take_frames(phys, stuck, stuck + 1) == -err::ebusy);
    CHECK(number_of(w, a) == stuck);
    const auto got = mm::cma_alloc(phys, 256);
    CHECK(got.error == 0);
    CHECK(phys.types.of(got.first) == mm::migrate_type::cma);
    CHECK((stuck < got.first || stuck >= got.first + 256));
    w.audit();
    mm::cma_release(phys, got);
    CHECK(mm::cma_alloc(phys, 4096).error == -err::enomem);  // more than there is
    w.unpin(1);
    CHECK(mm::take_frames(phys, stuck, stuck + 1) == 0);
    phys.drop(phys.at(stuck), mm::holder::hand_out);
    w.audit();
    REQUIRE(w.t.munmap(a, 64 * 4096) == 0);
    phys.lru_drain_all();
    const mm::pfn block{mm::align_down(first.n, mm::max_block)};
    CHECK(phys.zone_of(block).is_free(block, block + mm::max_block));  // no frame of it was lost
}

BOTH_PROFILES("offlined memory is emptied and never handed out again", "[placement]") {
    world<TestType> w(roomy());
    auto& phys = w.box.phys();
    const vaddr a = w.map(8 * 4096, {.node = 1});
    for (unsigned k = 0; k < 8; ++k) REQUIRE(w.t.store(a + k * 4096, 5) == mm::fault_result::ok);
    const mm::pfn first{mm::align_down(number_of(w, a).n, mm::max_block)};
    const auto hit = [&](mm::pfn n) { return n >= first && n < first + mm::max_block; };
    REQUIRE(w.get(a, 1) == 1);
    CHECK(mm::offline_frames(phys, first, first + mm::max_block) == -err::ebusy);
    w.put(1);
    CHECK(mm::offline_frames(phys, first, first + mm::max_block) == 0);
    for (unsigned k = 0; k < 8; ++k) {
        CHECK_FALSE(hit(number_of(w, a + k * 4096)));
        CHECK(w.t.load(a + k * 4096).value == 5);
    }
    std::vector<frame<TestType>*> all;
    while (auto* f = phys.alloc({})) {
        CHECK_FALSE(hit(phys.number(f)));
        all.push_back(f);
    }
    for (auto* f : all) phys.drop(f, mm::holder::hand_out);
    w.audit();
}

BOTH_PROFILES("compaction makes large blocks of what small pages had broken up, but for pinned ones", "[placement]") {
    mm::options o = small(16_MiB);
    world<TestType> w(o);
    auto& phys = w.box.phys();
    const vaddr a = w.map(16_MiB);
    unsigned n = 0;
    while (n < 3600 && w.t.store(a + n * 4096ULL, static_cast<unsigned char>(n % 251 + 1)) == mm::fault_result::ok) ++n;
    REQUIRE(n > 3000);
    phys.lru_drain_all();
    for (unsigned k = 0; k < n; ++k)
        if (k % 8 != 0) REQUIRE(w.t.madvise(a + k * 4096ULL, 4096, mm::advice::dontneed) == 0);
    phys.lru_drain_all();
    std::vector<frame<TestType>*> blocks;
    const auto count_blocks = [&] {
        while (auto* f = phys.alloc({.order = mm::max_order, .movable = false})) blocks.push_back(f);
        const std::size_t got = blocks.size();
        for (auto* f : blocks) phys.drop(f, mm::holder::hand_out);
        blocks.clear();
        return got;
    };
    const std::size_t before = count_blocks();
    REQUIRE(w.pin(a + 8 * 4096, 1, foll::write) == 1);
    const mm::pfn pinned = number_of(w, a + 8 * 4096);
    const mm::compaction did = mm::compact_memory(phys);
    CHECK(did.moved > 0);
    CHECK(number_of(w, a + 8 * 4096) == pinned);
    CHECK(count_blocks() > before);
    for (unsigned k = 0; k < n; k += 8) CHECK(w.t.load(a + k * 4096ULL).value == k % 251 + 1);
    w.audit();
    w.unpin(1);
    w.audit();
}

/// A base page of which compaction is about to take a reference goes, and its frame comes back in the middle of a folio.
BOTH_PROFILES("compaction leaves alone a frame that becomes part of a folio while it looks at it", "[placement]") {
    using page = frame<TestType>;
    world<TestType> w;
    auto& phys = w.box.phys();
    const vaddr a = w.huge();
    page* const head = w.page_at(a);
    REQUIRE(w.t.store(a + 7 * 4096, 1) == mm::fault_result::ok);  // pages of zeros may go when a folio is split
    REQUIRE(mm::split_range(w.t.mm(), a, a + 2_MiB) == 1);
    page* const small = phys.nth(head, 7);
    REQUIRE(w.t.munmap(a, 7 * 4096) == 0);
    REQUIRE(w.t.munmap(a + 8 * 4096, 2_MiB - 8 * 4096) == 0);
    phys.lru_drain_all();
    mm::zone<TestType>& z = phys.zone_of(phys.number(small));
    unsigned before = 0;  // frames that compaction looks at first
    REQUIRE(w.page_at(a + 7 * 4096) == small);
    for (mm::pfn n = z.first(); n != phys.number(small);) {
        const page* p = phys.at(n);
        n = n + (p->is(mm::pg::buddy) ? std::uint64_t{1} << p->order() : 1);
        before += !p->is(mm::pg::buddy) && !p->is_tail();
    }
    std::vector<page*> folios;
    std::function<void()> next = [&] {
        if (before-- != 0) return hooked::once(mm::race_point::head_resolved, next);
        REQUIRE(w.t.munmap(a + 7 * 4096, 4096) == 0);
        while (!small->is_tail()) {
            folios.push_back(phys.alloc({.order = mm::pmd_order}));
            REQUIRE(folios.back() != nullptr);
        }
    };
    hooked::once(mm::race_point::head_resolved, next);
    (void)mm::compact_zone(phys, z);
    REQUIRE(small->is_tail());
    for (page* f : folios) {
        CHECK(f->count.refs() == 1);
        phys.drop(f, mm::holder::hand_out);
    }
    w.audit();
}

BOTH_PROFILES("NUMA hints: the next access restores the entry and brings the page home, unless somebody holds it",
              "[placement]") {
    world<TestType> w(roomy());
    const vaddr a = w.map(4 * 4096);
    for (unsigned k = 0; k < 4; ++k) {
        REQUIRE(w.t.store(a + k * 4096, static_cast<unsigned char>(k + 1)) == mm::fault_result::ok);
        REQUIRE(mm::migrate_page(w.t.mm(), a + k * 4096, {.node = 1, .exact = true}).error == 0);
    }
    REQUIRE(w.pin(a + 4096, 1, foll::write) == 1);
    const auto pin_held = w.pages;
    REQUIRE(w.get(a + 2 * 4096, 1) == 1);
    const auto get_held = w.pages;
    CHECK(mm::mark_for_hints(w.t.mm(), a, 4 * 4096) == pick<TestType, std::uint64_t>(4, 3));  // 6.12 spares the pinned one
    for (const unsigned k : {0U, 2U}) CHECK(w.t.inspect(a + k * 4096).raw.has(mm::eb::protnone));
    CHECK(w.t.inspect(a + 4096).raw.has(mm::eb::protnone) == is_2019<TestType>);
    w.audit();
    std::vector<frame<TestType>*> none(1);
    CHECK(w.t.get_user_pages_fast_only(a, 1, 0, none) == 0);  // an entry without access stops the lockless walk
    for (unsigned k = 0; k < 4; ++k) CHECK(w.t.load(a + k * 4096).value == k + 1);
    for (unsigned k = 0; k < 4; ++k) {
        CHECK(w.letters(a + k * 4096) == "WDY");
        CHECK(w.t.inspect(a + k * 4096).page.node == (k == 1 || k == 2 ? 1U : 0U));
        CHECK(w.t.store(a + k * 4096, 9) == mm::fault_result::ok);
    }
    w.audit();
    // gup takes the hint too: 2019 always, 6.12 where it is asked to.
    CHECK(mm::mark_for_hints(w.t.mm(), a + 3 * 4096, 4096) == 1);
    CHECK(w.pin_slow(a + 3 * 4096, 1, foll::write | (is_2019<TestType> ? 0U : foll::honor_numa_fault)) == 1);
    CHECK_FALSE(w.t.inspect(a + 3 * 4096).raw.has(mm::eb::protnone));
    w.unpin(1);
    w.t.unpin_user_page(pin_held[0]);
    w.t.put_page(get_held[0]);
    w.audit();
}

BOTH_PROFILES("NUMA hints: pages shared by fork are marked by 2019 alone, huge pages by their pmd", "[placement]") {
    world<TestType> w(roomy());
    const vaddr a = w.map(4096);
    const vaddr h = w.huge();
    REQUIRE(w.t.store(a, 1) == mm::fault_result::ok);
    CHECK(mm::mark_for_hints(w.t.mm(), h, 2_MiB) == 1);
    CHECK(w.t.inspect(h).raw.has(mm::eb::protnone));
    CHECK(w.t.store(h, 2) == mm::fault_result::ok);
    CHECK(w.letters(h) == "WDY");
    (void)*w.box.fork(w.t);
    CHECK(mm::mark_for_hints(w.t.mm(), a, 4096) == pick<TestType, std::uint64_t>(1, 0));
    CHECK(w.t.load(a).value == 1);
    w.audit();
}

BOTH_PROFILES("soft-dirty: a clean slate notes the next writes; 6.12 does not write-protect what may be pinned",
              "[placement]") {
    world<TestType> w(roomy());
    const vaddr a = w.map(4 * 4096);
    for (unsigned k = 0; k < 3; ++k) REQUIRE(w.t.store(a + k * 4096, 1) == mm::fault_result::ok);
    CHECK(mm::is_soft_dirty(w.t.mm(), a + 3 * 4096));  // new memory counts as written
    REQUIRE(w.pin(a + 4096, 1, foll::write) == 1);
    mm::clear_soft_dirty(w.t.mm());
    CHECK_FALSE(mm::is_soft_dirty(w.t.mm(), a));
    CHECK(w.letters(a) == "DY");
    CHECK(mm::is_soft_dirty(w.t.mm(), a + 4096) == !is_2019<TestType>);
    CHECK(w.letters(a + 4096) == pick<TestType, std::string>("DY", "WDY"));
    CHECK(w.t.load(a).value == 1);
    CHECK_FALSE(mm::is_soft_dirty(w.t.mm(), a));
    REQUIRE(w.t.mprotect(a + 2 * 4096, 4096, mm::prot::read) == 0);
    REQUIRE(w.t.mprotect(a + 2 * 4096, 4096, mm::prot::rw) == 0);
    CHECK(w.letters(a + 2 * 4096) == "DY");  // writable by a fault only, which notes it
    auto* pinned = w.page_at(a + 4096);
    for (unsigned k = 0; k < 4; ++k) {
        REQUIRE(w.t.store(a + k * 4096, 2) == mm::fault_result::ok);
        CHECK(mm::is_soft_dirty(w.t.mm(), a + k * 4096));
    }
    CHECK(w.page_at(a + 4096) == pinned);  // mapped once: 2019 reuses it all the same
    CHECK(w.box.dma_read(w.pages[0], 0) == 2);
    w.unpin(1);
    w.audit();
}

}  // namespace placement_tests
