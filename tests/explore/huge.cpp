// SPDX-License-Identifier: BSL-1.0
// Whoever goes through a range looks at the entry of a huge page without its lock first, while whoever finds the page by
// its rmap, without any lock of the space, splits that entry or sends it away. Source: spec 02 §6 §8, spec 07 B17.
#include <mutex>

#include "scene.hpp"

namespace explore_huge {

using namespace explored;

namespace {

constexpr check::limits long_ones{.executions = 300, .steps = 60'000, .old_values = false};

/// Effects: a huge page of which the first and the last sub-page are known by their bytes.
template <class P>
scene<P>& huge(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(mm::pages_per_pmd, 1, {.huge = true});
    if (s.t.store(s.at(511), 77) != mm::fault_result::ok || s.first->order() != mm::pmd_order) FAIL("no huge page");
    s.box.phys().hold(s.first, mm::holder::temporary);  // of whoever comes by the rmap
    return s;
}
/// Effects: calls visit(place, k, vma) for the entry by which the rmap finds the page in the scene's own process: each_slot()
/// without the mappings of a child, which would be met one by one.
template <class P, class Visit>
void at_home(scene<P>& s, Visit visit) {
    auto* const rmap = s.first->template owner_as<mm::anon_rmap>();
    std::lock_guard guard(rmap->lock);
    rmap->each_overlapping(s.first->index, mm::pages_per_pmd, [&](mm::vma& v, vaddr a) {
        if (v.owner != &s.t.mm()) return;
        mm::detail::each_slot_in<P>(
            v, a, mm::pages_per_pmd,
            [&](mm::space<P>&, const auto& at, std::uint64_t k, const mm::vma& of) { visit(at, k, of); });
    });
}
/// `by_rmap` and `by_range` at once; then `seen`.
template <class ByRmap, class ByRange, class Seen>
auto both(ByRmap by_rmap, ByRange by_range, Seen seen) {
    return [=]<class P>(check::program& p, stage<P>& on) {
        auto& s = huge(p, on);
        p.thread([&s, by_rmap] { by_rmap(s); });
        p.thread([&s, by_range] { by_range(s); });
        p.at_end([&s, &on, seen] {
            seen(s);
            s.box.phys().drop(s.first, mm::holder::temporary);
            on.audit();
        });
    };
}
template <class Body>
void explores(const char* name, Body body) {
    const outcome o = run<linux_6_12>(name, long_ones, body, missing::nothing);
    INFO(o.found.text());
    o.found.print();
    CHECK(o.found.proved());
    CHECK(o.acted != 0);
}

/// The entry becomes ptes, as where a folio is to be split.
const auto split_entry = [](auto& s) {
    at_home(s, [&](const auto& at, std::uint64_t, const mm::vma& v) {
        if (at.at != mm::level::pmd || !at.slot->read().is_leaf()) return;
        mm::split_pmd_locked(s.t.mm(), at, &v);
        s.acted = true;
    });
};
/// The page is on its way, and stays after all.
const auto away = []<class P>(scene<P>& s) {
    auto& phys = s.box.phys();
    mm::detail::migration_unmapper<P> unmap{phys, s.first, mm::detail::dirty_is_saved::first};
    at_home(s, [&](const auto& at, std::uint64_t k, const mm::vma&) { unmap(*at.slot, at.at == mm::level::pmd, k); });
    if (unmap.gone != 0) phys.drop(s.first, mm::holder::entry, unmap.gone);
    s.acted = !unmap.refused;
    mm::detail::restore_entries(phys, s.first, s.first, s.first);
};
const auto zap = [](auto& s) {
    check::that(s.t.madvise(s.base, mm::pmd_size, mm::advice::dontneed) == 0, "the range is given up");
};
const auto nothing_left = [](auto& s) { check::that(!s.seen(0) && !s.seen(511), "what was given up is not mapped"); };
constexpr vaddr elsewhere = scene<linux_6_12>::base * 2;
const auto move = [](auto& s) {
    check::that(
        s.t.mremap(s.base, {.old_length = mm::pmd_size, .new_length = mm::pmd_size, .to = elsewhere}).error == 0,
        "the range moves");
};
const auto moved = [](auto& s) {
    check::that(s.t.inspect(elsewhere).page.page == s.first, "what moves arrives");
    check::that(s.t.load(elsewhere + 511 * mm::page_size).value == 77, "what moves arrives whole");
};
const auto fork_child = [](auto& s) { s.child = *s.box.fork(s.t); };
const auto shared = [](auto& s) {
    check::that(s.child->inspect(s.base).page.page == s.first, "a child shares what was there");
    check::that(s.child->load(s.at(511)).value == 77, "a child shares all of it");
};

}  // namespace

TEST_CASE("a range is given up, moved or shared while its huge entry becomes ptes") {
    explores("zap and a split", both(split_entry, zap, nothing_left));
    explores("mremap and a split", both(split_entry, move, moved));
    explores("fork and a split", both(split_entry, fork_child, shared));
}
TEST_CASE("a range is given up, moved or shared while its huge page is on its way") {
    explores("zap and a move", both(away, zap, nothing_left));
    explores("mremap and a move", both(away, move, moved));
    explores("fork and a move", both(away, fork_child, shared));
}

}  // namespace explore_huge
