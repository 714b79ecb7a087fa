// SPDX-License-Identifier: BSL-1.0
// The lockless walk against whoever takes anonymous memory away, moves it or shares it: the product's own code, in every
// interleaving; and without single steps of it, which the explorer must notice. Source: spec 05 §6.
#include "scene.hpp"

#include <array>

namespace explore_walk {

using namespace explored;

namespace {

/// The frame that is freed is handed out again, for another page of the same process.
const auto unmap = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(2, 1);
    p.thread([&] { (void)s.pin(0), s.unpin(); });
    p.thread([&] {
        check::that(s.t.munmap(s.base, mm::page_size) == 0, "munmap succeeds");
        (void)s.t.store(s.at(1), 0x77);
    });
    p.at_end([&] {
        s.acted = s.first->generation != s.generation;
        on.audit();
    });
};

/// The tables go with the only mapping that needs them.
const auto free_tables = []<class P>(check::program& p, stage<P>& on) {
    static std::array<frame<P>*, 4> path;  ///< the tables on the way to the page
    static std::size_t reached = 0;        ///< how many of them the walk has read
    auto& s = on.set(p);
    s.map(1, 1);
    const auto& tables = s.t.mm().tables;
    path = {tables.root(), tables.find(s.base, mm::level::pud).table, tables.find(s.base, mm::level::pmd).table,
            tables.find(s.base, mm::level::pte).table};
    asked::ask = [](mm::race_point at) {
        if (at == mm::race_point::before_walk) reached = 0;
        if (at != mm::race_point::entry_read) return;
        check::that(path[reached++]->count.refs() > 0, "a table that is read is not freed");
    };
    p.thread([&] { (void)s.pin(0), s.unpin(); });
    p.thread([&] {
        s.acted = s.t.munmap(s.base, mm::page_size) == 0;
        check::that(s.acted, "munmap succeeds");
    });
    p.at_end([&] {
        asked::ask = nullptr;
        on.audit();
    });
};

/// Four pages of one folio become four folios.
const auto split = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.box.phys().small_thp[2] = mm::thp_mode::always;
    s.map(4, 4);
    p.thread([&] { (void)s.pin(1); });
    p.thread([&] {
        mm::physical<P>& phys = s.box.phys();
        phys.hold(s.first, mm::holder::temporary);
        mm::lock_page(s.first);
        s.acted = mm::split_folio(phys, s.first, s.first) == 0;
        mm::unlock_page(s.first);
        phys.drop(s.first, mm::holder::temporary);
    });
    p.at_end([&] { s.stays_coherent(), on.audit(); });
};

/// The pages of a block become one huge page: DEF-15.
const auto collapse = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(mm::pages_per_pmd, 1);
    if (s.t.madvise(s.base, mm::pmd_size, mm::advice::hugepage) != 0) FAIL("no advice");
    p.thread([&] { (void)s.pin(0); });
    p.thread([&] { s.acted = mm::khugepaged_scan(s.t.mm()) == 1; });
    p.at_end([&] { s.stays_coherent(), on.audit(); });
};

/// A child shares the page, or has a copy of one that is pinned.
const auto share = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(1, 1);
    p.thread([&] { (void)s.pin(0); });
    p.thread([&] { s.child = *s.box.fork(s.t); });
    p.at_end([&] {
        s.stays_coherent();
        s.acted = s.child->inspect(s.base).page.page == s.first;
        check::that(!s.acted || !s.holds(), "a page that is pinned is not shared");
        on.audit();
    });
};

/// In the profile of 2019 a pin keeps nobody from sharing its page. But once the fork is over, the entry is not writable.
const auto share_written = []<class P>(check::program& p, stage<P>& on) {
    static bool over = false, too_late = false;
    auto& s = on.set(p);
    s.map(1, 1);
    over = too_late = false;
    asked::ask = [](mm::race_point at) {
        if (at == mm::race_point::head_checked) too_late = over;  // the second look comes afterwards
    };
    p.thread([&] {
        if (s.pin(0, foll::pin | foll::write) != nullptr) check::that(!too_late, "what is shared is not pinned to be written");
    });
    p.thread([&] {
        s.child = *s.box.fork(s.t);
        over = true;
    });
    p.at_end([&] {
        asked::ask = nullptr;
        s.stays_coherent();
        s.acted = s.child->inspect(s.base).page.page == s.first;
        check::that(s.acted, "a page is shared, pinned or not");
        on.audit();
    });
};

const auto migrate = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(1, 1);
    p.thread([&] { (void)s.pin(0); });
    p.thread([&] {
        if (mm::isolate(s.box.phys(), s.first)) s.acted = mm::migrate_folio(s.box.phys(), s.first, {}) == 0;
    });
    p.at_end([&] { s.stays_coherent(), on.audit(); });
};

/// The step of a migration alone in which the page stops being exclusive: clear the entry, fence, look for pins.
const auto clear_exclusive = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(1, 1);
    p.thread([&] { (void)s.pin(0); });
    p.thread([&] { s.acted = mm::detail::unmap_for_migration(s.box.phys(), s.first); });
    p.at_end([&] {
        check::that(!s.acted || !s.holds(), "a page that is on its way is not pinned");
        mm::detail::restore_entries(s.box.phys(), s.first, s.first, s.first);
        on.audit();
    });
};

const auto page_out = []<class P>(check::program& p, stage<P>& on) {
    auto& s = on.set(p);
    s.map(1, 1);
    p.thread([&] { (void)s.pin(0); });
    p.thread([&] { (void)s.t.madvise(s.base, mm::page_size, mm::advice::pageout); });
    p.at_end([&] {
        s.acted = s.seen(0) == nullptr;
        s.stays_coherent(), on.audit();
    });
};

}  // namespace

TEST_CASE("a page that is unmapped and handed out again under the walk is refused or stays") {
    holds("munmap", in_order, unmap);
    runs("munmap", unmap);
    fails("munmap, entry re-check", in_order, unmap, missing::entry_check);
}
TEST_CASE("a table is not freed under the walk") {
    holds("table freeing", in_order, free_tables);
    holds("table freeing", with_old_values, free_tables);
    fails("table freeing, fences", without_fences, free_tables, missing::nothing);
}
TEST_CASE("a folio that is split under the walk is refused, or has its pin where it belongs") {
    holds("folio split", in_order, split);
    runs("folio split", split);
    fails("folio split, head re-check", in_order, split, missing::head_check);
}
TEST_CASE("a page of a block that collapses under the walk is refused or stays") {
    holds("collapse", in_order, collapse);
    holds("collapse", with_old_values, collapse);
    fails("collapse, fences", without_fences, collapse, missing::nothing);
    // Each of the two is enough alone: the second look at the table, and to wait for whoever is in it.
    holds("collapse, second look at the table left out", in_order, collapse, missing::table_check);
    holds("collapse, waiting for walks left out", in_order, collapse, missing::wait_for_walks);
    fails("collapse, second look at the table and waiting", in_order, collapse, missing::table_check | missing::wait_for_walks);
}
TEST_CASE("a page that a fork meets under the walk is not pinned, or not shared") {
    holds("fork", in_order, share);
    holds("fork", with_old_values, share);
    fails("fork, fences", without_fences, share, missing::nothing);
}
TEST_CASE("a page that migrates under the walk is refused or stays") {
    holds("migration", in_order, migrate);
    runs("migration", migrate);
    fails("migration, entry re-check", in_order, migrate, missing::entry_check);
}
TEST_CASE("a page stops being exclusive only if the walk did not pin it") {
    holds("clearing of exclusive", in_order, clear_exclusive);
    holds("clearing of exclusive", with_old_values, clear_exclusive);
    fails("clearing of exclusive, entry re-check", with_old_values, clear_exclusive, missing::entry_check);
    fails("clearing of exclusive, fence behind the grab", with_old_values, clear_exclusive, missing::fence);
}
TEST_CASE("a page that is paged out under the walk is refused or stays") {
    holds("page-out", in_order, page_out);
    runs("page-out", page_out);
    fails("page-out, entry re-check", in_order, page_out, missing::entry_check);
}

TEST_CASE("the profile of 2019: munmap, the freeing of tables and fork under the walk") {
    using P = foll_pin_2019;
    holds<P>("munmap", in_order, unmap);
    runs<P>("munmap", unmap);
    fails<P>("munmap, entry re-check", in_order, unmap, missing::entry_check);
    holds<P>("table freeing", in_order, free_tables);
    holds<P>("table freeing", with_old_values, free_tables);
    fails<P>("table freeing, fences", without_fences, free_tables, missing::nothing);
    holds<P>("fork", in_order, share_written);
    holds<P>("fork", with_old_values, share_written);
    fails<P>("fork, entry re-check", in_order, share_written, missing::entry_check);
}

}  // namespace explore_walk
