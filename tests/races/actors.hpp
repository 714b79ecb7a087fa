// SPDX-License-Identifier: BSL-1.0
// Who may come between: each actor is the machine's own operation, done while the walk stands at a race point.
#pragma once

#include "scene.hpp"

namespace mmt {

template <class P>
struct actor {
    const char* name;
    unsigned shapes;   ///< what it can be done to
    bool demanded;     ///< by spec 05 §6: at every RP-1 to RP-5
    bool keeps_pages;  ///< the process has not given its pages up: a live PIN must stay coherent (INV-11)
    bool (*act)(scene<P>&);  ///< returns whether it could: it may be refused once the walk holds the pages
    bool only_in_walk = false;  ///< holds what a fault would wait for
};

namespace actors {

template <class P>
bool unmap(scene<P>& s) {
    return s.w.t.munmap(s.base, s.length) == 0;
}
template <class P>
bool zap(scene<P>& s) {
    return s.w.t.madvise(s.base, s.length, mm::advice::dontneed) == 0;
}
/// Tables that the walk stands in are unhooked at once and freed when it has ended.
template <class P>
bool free_tables(scene<P>& s) {
    auto& tables = s.w.t.mm().tables;
    s.tables = tables.tables();
    CHECK(s.w.t.munmap(s.base, s.length) == 0);
    if (!mm::fast_section::active()) return true;
    CHECK_FALSE(tables.collect());
    CHECK(tables.tables() == s.tables - (s.is == shape::pmd ? 1 : 0));  // the deposited one was never hooked
    return true;
}
template <class P>
bool split_page(scene<P>& s) {
    frame<P>* const head = s.head();
    s.phys().hold(head, mm::holder::temporary);
    mm::lock_page(head);
    const bool split = mm::split_folio(s.phys(), head, head) == 0;
    mm::unlock_page(head);
    s.phys().drop(head, mm::holder::temporary);
    return split;
}
template <class P>
bool split_entry(scene<P>& s) {
    s.w.split_entry(s.base);
    return s.w.t.inspect(s.base).at == mm::level::pte;
}
/// The frames are freed and handed out again, in folios of another order.
template <class P>
bool free_and_reuse(scene<P>& s) {
    const bool large = (bit(s.is) & huge_memory) != 0;
    frame<P>* const head = s.head();
    const auto generation = s.old[0]->generation;
    s.phys().lru_drain_all();
    CHECK(s.w.t.madvise(s.base, s.length, mm::advice::dontneed) == 0);
    if (head->count.refs() != 0) return false;  // the walk holds it: not freed
    while (s.old[0]->generation == generation) {
        frame<P>* const p = s.phys().alloc({.order = large ? 0U : 1U});
        REQUIRE(p);
        s.reused.push_back(p);
    }
    return true;
}
template <class P>
bool page_out(scene<P>& s) {
    s.phys().lru_drain_all();
    CHECK(s.w.t.madvise(s.base, s.length, mm::advice::pageout) == 0);
    return !s.w.page_at(s.a);
}
template <class P>
bool migrate(scene<P>& s) {
    const frame<P>* before = nullptr;
    for (std::uint64_t k = 0; k < s.n; ++k)
        before = mm::migrate_page(s.w.t.mm(), s.at(k), {.movable = false, .node = 0, .exact = true}, before).moved;
    return s.w.page_at(s.a) != s.old[0];
}
/// The step of a migration or split in which the count is 0 for everybody.
template <class P>
bool freeze(scene<P>& s) {
    frame<P>* const head = s.head();
    s.phys().lru_drain_all();
    const auto expected = static_cast<std::int32_t>(mm::detail::expected_count(head));
    if (!head->count.freeze(expected)) return false;  // somebody holds it
    s.frozen = head;
    s.frozen_at = expected;
    return true;
}
template <class P>
bool write_protect(scene<P>& s) {
    return s.w.t.mprotect(s.base, s.length, mm::prot::read) == 0;
}
template <class P>
bool fork(scene<P>& s) {
    s.fork();
    return true;
}
/// Another thread of the process writes to what it shares with its child.
template <class P>
bool copy_on_write(scene<P>& s) {
    for (std::uint64_t k = 0; k < s.n; ++k) CHECK(s.w.t.store(s.at(k), 0x77) == mm::fault_result::ok);
    return s.w.page_at(s.a) != s.old[0];
}
template <class P>
bool collapse(scene<P>& s) {
    CHECK(s.w.t.madvise(s.base, s.length, mm::advice::hugepage) == 0);
    return mm::khugepaged_scan(s.w.t.mm()) == 1;
}
template <class P>
bool truncate(scene<P>& s) {
    return s.w.box.truncate(*s.file, 0) == 0;
}
/// Truncation of a DAX file as far as it goes without waiting: unmap, look; cut if every page is idle.
template <class P>
bool truncate_dax(scene<P>& s) {
    {
        std::lock_guard lock(s.file->lock);
        mm::unmap_file_pages<P>(*s.file, 0, s.file->pages(), true);
        for (frame<P>* p : s.old) s.waits = s.waits || mm::is_dax_busy(p);
    }
    return !s.waits && s.w.box.truncate(*s.file, 0) == 0;
}
template <class P>
bool kill_device(scene<P>& s) {
    s.device->kill();
    return true;
}

}  // namespace actors

template <class P>
inline constexpr actor<P> all_actors[] = {
    {"munmap", memory | dax | hugetlb | gigantic, true, false, actors::unmap<P>},
    {"zap", memory | dax | hugetlb, true, false, actors::zap<P>},
    {"freeing of tables", memory | dax | hugetlb, true, false, actors::free_tables<P>},
    {"THP page split", huge_memory, true, true, actors::split_page<P>},
    {"THP entry split", bit(shape::pmd), true, true, actors::split_entry<P>},
    {"free and reuse", bit(shape::pte) | huge_memory, true, false, actors::free_and_reuse<P>},
    {"swap-out", memory & ~bit(shape::shared), true, true, actors::page_out<P>},
    {"migration", memory, true, true, actors::migrate<P>},
    {"migration freeze", memory, true, true, actors::freeze<P>, true},
    {"mprotect(RO)", memory | dax | hugetlb | gigantic, true, true, actors::write_protect<P>},
    {"fork", memory | dax | hugetlb, true, true, actors::fork<P>},
    {"COW by a thread", bit(shape::shared), true, true, actors::copy_on_write<P>},
    {"collapse", bit(shape::pte) | bit(shape::part), true, true, actors::collapse<P>},
    {"truncate", bit(shape::file), true, false, actors::truncate<P>},
    {"DAX truncate", dax, true, false, actors::truncate_dax<P>},
    {"device kill", dax, true, false, actors::kill_device<P>},
};

}  // namespace mmt
