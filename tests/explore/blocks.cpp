// SPDX-License-Identifier: BSL-1.0
// The lockless walk that takes many ptes at once: blocks of pages, and runs of one folio, against munmap and against the
// split of the folio. Source: spec 05 §4 PTE/F, §6.
#include "scene.hpp"

namespace explored {

struct asked_by_block : asked {
    static constexpr bool by_block = true;
};
struct linux_6_12_in_blocks : observed<mm::linux_6_12> {
    using steps = mm::right_steps;
    using races = asked_by_block;
};
static_assert(mm::walks_in_blocks<linux_6_12_in_blocks>);

}  // namespace explored

namespace explore_blocks {

using namespace explored;
using P = linux_6_12_in_blocks;

namespace {

void touch(scene<P>& s, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t k = from; k < to; ++k)
        if (s.t.store(s.at(k), static_cast<unsigned char>(k + 1)) != mm::fault_result::ok) FAIL("no page");
    s.box.phys().lru_drain_all();
}

/// Pages of their own: what is freed is handed out again.
template <unsigned Pages>
void unmap_block(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(Pages + 1, Pages);
    p.thread([&] { (void)s.pin(0, foll::pin, Pages), s.unpin(); });
    p.thread([&] {
        check::that(s.t.munmap(s.base, Pages * mm::page_size) == 0, "munmap succeeds");
        (void)s.t.store(s.at(Pages), 0x77);
    });
    p.at_end([&] {
        s.acted = s.first->generation != s.generation;
        on.audit();
    });
}

/// The walk begins in tables that it remembers; they go with the only mapping that needs them, and come back as tables of
/// another one, with the same entries in the same places. Asks: whether it asks if tables went.
template <bool Asks>
void reuse_remembered(check::program& p, stage<P>& on) {
    constexpr vaddr elsewhere = scene<P>::base + mm::geometry<P::p4d_folded>::span(mm::level::pgd);
    auto& s = on.set(p);
    mm::mapping m;
    m.at = elsewhere;
    if (s.t.mmap(mm::page_size, m).error != 0) FAIL("no mapping");
    s.map(1, 1);
    s.uses = 1;
    if (!s.pin(0)) FAIL("no pin");
    s.unpin();
    s.was_pinned = false;
    auto& all = check::threading::all<mm::detail::table_cache>();
    for (auto& remembered : all) remembered = check::threading::own<mm::detail::table_cache>();
    if (!Asks)
        asked::ask = [&](mm::race_point at) {
            if (at != mm::race_point::before_walk) return;
            for (auto& remembered : all)
                remembered.place_of(s.base / mm::pmd_size).generation = s.t.mm().tables.generation();
        };
    p.thread([&] { (void)s.pin(0), s.unpin(); });
    p.thread([&] {
        s.acted = s.t.munmap(s.base, mm::page_size) == 0;
        (void)s.t.store(elsewhere, 0x77);
    });
    p.at_end([&] {
        asked::ask = nullptr;
        check::that(s.acted, "munmap succeeds");
        on.audit();
    });
}

/// Pages of their own, of which the first stops being exclusive, or a folio of four: clear the entries, fence, look for pins.
template <unsigned Pages, bool OfFolio = false>
void clear_exclusive(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    if (OfFolio) s.box.phys().small_thp[2] = mm::thp_mode::always;
    s.map(OfFolio ? 4 : Pages, OfFolio ? 4 : Pages);
    s.uses = 0;
    p.thread([&] { (void)s.pin(0, foll::pin, Pages); });
    p.thread([&] { s.acted = mm::detail::unmap_for_migration(s.box.phys(), s.first); });
    p.at_end([&] {
        check::that(!s.acted || !s.holds(), "a page that is on its way is not pinned");
        mm::detail::restore_entries(s.box.phys(), s.first, s.first, s.first);
        s.use(), on.audit();
    });
}

/// Four pages of one folio, whose frames are handed out again as one folio.
void unmap_run(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.box.phys().small_thp[2] = mm::thp_mode::always;
    s.map(8, 4);
    s.uses = 0;
    p.thread([&] { (void)s.pin(0, foll::pin, 4); });
    p.thread([&] {
        check::that(s.t.munmap(s.base, 4 * mm::page_size) == 0, "munmap succeeds");
        (void)s.t.store(s.at(4), 0x77);
    });
    p.at_end([&] {
        s.acted = s.first->generation != s.generation;
        s.use(), on.audit();
    });
}

void split_first_of(scene<P>& s, frame<P>* head) {
    mm::physical<P>& phys = s.box.phys();
    phys.hold(head, mm::holder::temporary);
    mm::lock_page(head);
    s.acted = mm::split_folio(phys, head, head) == 0;
    mm::unlock_page(head);
    phys.drop(head, mm::holder::temporary);
}

/// Pages of a folio of four that becomes four folios.
template <unsigned Pages>
void split_run(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.box.phys().small_thp[2] = mm::thp_mode::always;
    s.map(4, 4);
    s.uses = 0;
    p.thread([&] { (void)s.pin(1, foll::pin, Pages); });
    p.thread([&] { split_first_of(s, s.first); });
    p.at_end([&] { s.use(), s.stays_coherent(), on.audit(); });
}

/// A block that begins with a page of its own and goes on in a folio, which is split meanwhile.
void split_block(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(8, 4);
    s.box.phys().small_thp[2] = mm::thp_mode::always;
    touch(s, 4, 8);
    frame<P>* const folio = s.seen(4);
    if (!folio->is(mm::pg::large)) FAIL("no folio");
    s.uses = 0;
    p.thread([&] { (void)s.pin(3, foll::pin, 2); });
    p.thread([&s, folio] { split_first_of(s, folio); });
    p.at_end([&] { s.use(), s.stays_coherent(), on.audit(); });
}

}  // namespace

TEST_CASE("a page or a block of pages that is unmapped and handed out again under the walk is refused or stays") {
    holds<P>("munmap of a page", in_order, unmap_block<1>);
    runs<P>("munmap of a page", unmap_block<1>);
    fails<P>("munmap of a page, entry looked at once", in_order, unmap_block<1>, missing::entry_look);
    holds<P>("munmap of a block", in_order, unmap_block<2>);
    runs<P>("munmap of a block", unmap_block<2>);
    fails<P>("munmap of a block, entries looked at once", in_order, unmap_block<2>, missing::entry_look);
}
TEST_CASE("tables that a thread remembers are not freed under its walk, and forgotten afterwards") {
    holds<P>("reuse of remembered tables", in_order, reuse_remembered<true>);
    runs<P>("reuse of remembered tables", reuse_remembered<true>);
    fails<P>("reuse of remembered tables, not asked whether they went", in_order, reuse_remembered<false>, missing::nothing);
}
TEST_CASE("a page alone or in a block or run stops being exclusive only if the walk did not pin it") {
    holds<P>("clearing of exclusive of a page", with_old_values, clear_exclusive<1>);
    fails<P>("clearing of exclusive of a page, fences", without_fences, clear_exclusive<1>, missing::nothing);
    holds<P>("clearing of exclusive in a block", with_old_values, clear_exclusive<2>);
    fails<P>("clearing of exclusive in a block, fences", without_fences, clear_exclusive<2>, missing::nothing);
    runs<P>("clearing of exclusive of a run", clear_exclusive<1, true>);
    fails<P>("clearing of exclusive of a run, fences", without_fences, clear_exclusive<1, true>, missing::nothing);
}
TEST_CASE("a run of a folio that is unmapped and handed out again under the walk is refused or stays") {
    holds<P>("munmap of a run", in_order, unmap_run);
    runs<P>("munmap of a run", unmap_run);
    fails<P>("munmap of a run, entries looked at once", in_order, unmap_run, missing::entry_look);
}
TEST_CASE("a run of a folio that is split under the walk is refused, or has its pins where they belong") {
    holds<P>("split of a run of one", in_order, split_run<1>);
    fails<P>("split of a run of one, folio looked at once", in_order, split_run<1>, missing::head_look);
    runs<P>("split of a run of two", split_run<2>, a_part_in_order);
    fails<P>("split of a run of two, folio looked at once", in_order, split_run<2>, missing::head_look);
}
TEST_CASE("a block that meets a folio that is split has its pins where they belong") {
    runs<P>("split in a block", split_block, a_part_in_order);
}

}  // namespace explore_blocks
