// SPDX-License-Identifier: BSL-1.0
// Large folios fall apart: who holds what afterwards, who prevents it, what only partly mapped memory gives back.
// Source: spec 02 §8, spec 07 B7, spec 10 §12.
#include "sharing_box.hpp"

namespace thp_split_tests {

namespace {

using namespace mmt;

template <class P>
struct huge_family : family<P> {
    using family<P>::family;

    /// A huge page of which every sub-page k holds the byte 1 + k % 100.
    vaddr filled() {
        const vaddr a = this->huge();
        for (unsigned k = 0; k < 512; ++k) this->put_byte(this->t, a + k * one, static_cast<unsigned char>(1 + k % 100));
        return a;
    }
    frame<P>* held(vaddr a) {
        frame<P>* head = this->box.phys().head(this->page_at(a));
        this->box.phys().hold(head, mm::holder::temporary);
        REQUIRE(mm::try_lock_page(head));
        return head;
    }
    void release(frame<P>* p) {
        mm::unlock_page(p);
        this->box.phys().drop(p, mm::holder::temporary);
    }
};

TEST_CASE("a folio whose last release is undone by the splitter is freed by it, not under the lock of the queue", "[thp-split]") {
    world<checked_6_12> w;
    auto& phys = w.box.phys();
    const auto free = phys.free_pages();
    auto* const head = phys.alloc({.order = 2});
    phys.partly_mapped.add(head);
    phys.note(head, mm::holder::hand_out, -1);
    head->count.set_raw(0);  // as its last holder leaves it for a moment: not dead yet, and a grab that came would win
    CHECK(mm::split_partly_mapped(phys) == 0);
    CHECK(head->count.is_dead());
    CHECK(phys.partly_mapped.size() == 0);
    CHECK(phys.free_pages() == free);
    w.audit();
}

BOTH_PROFILES("the entry of a huge page that is split or moves is never empty: who reads it without the lock passes by a hole", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto& phys = w.box.phys();
    auto* const head = phys.head(w.page_at(a));
    const auto number = phys.number(head);
    const auto* const slot = w.t.mm().tables.find(a, mm::level::pmd).slot;
    mm::entry seen;
    hooked::once(mm::race_point::entry_taken, [&] { seen = slot->read(); });
    if (GENERATE(true, false)) {
        w.split_entry(a);
    } else {
        phys.lru_drain_all();
        REQUIRE(mm::isolate(phys, head));
        CHECK(mm::migrate_folio(phys, head, {}) == 0);
    }
    CHECK(seen.kind() == mm::entry_kind::migration);
    CHECK(seen.number() == number);
    CHECK(w.byte(w.t, a + 7 * one) == 8);
    w.audit();
}

BOTH_PROFILES("after a split the lock and the reference are those of the page asked for", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto* const head = w.held(a);
    auto* const tenth = w.page_at(a + 10 * one);
    REQUIRE(mm::split_folio(w.box.phys(), head, tenth) == 0);
    CHECK(w.refs(a) == 1);
    CHECK(w.refs(a + 10 * one) == 2);
    CHECK(mm::try_lock_page(head));  // nobody has it any more
    mm::unlock_page(head);
    CHECK_FALSE(mm::try_lock_page(tenth));
    w.release(tenth);
    CHECK(w.refs(a + 10 * one) == 1);
    CHECK(w.byte(w.t, a + 511 * one) == 1 + 511 % 100);
    w.audit();
}

BOTH_PROFILES("a split that is refused changes nothing and says so", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    REQUIRE(w.pin(a + 3 * one, 1, foll::write) == 1);
    auto* const head = w.held(a);
    CHECK(mm::split_folio(w.box.phys(), head, head) == pick<TestType>(-err::ebusy, -err::eagain));
    CHECK_FALSE(mm::try_lock_page(head));
    w.release(head);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(w.letters(a) == "WDY");
    w.unpin(1);
    w.audit();
}

BOTH_PROFILES("what is under I/O, belongs to a pool, or to nobody any more, is not split", "[thp-split]") {
    mm::options o = small();
    o.huge_pools = {{mm::pmd_order, 1}};
    huge_family<TestType> w(o);
    const vaddr a = w.filled();
    auto* const head = w.held(a);
    auto& phys = w.box.phys();
    head->set(mm::pg::writeback);
    CHECK(mm::split_folio(phys, head, head) == -mm::err::ebusy);
    head->clear(mm::pg::writeback);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(mm::split_folio(phys, head, head) == 0);
    w.release(head);
    const vaddr b = w.map(2_MiB, {.huge_order = mm::pmd_order});
    w.put_byte(w.t, b, 1);
    auto* const pooled = w.held(b);
    CHECK(mm::split_folio(phys, pooled, pooled) == -mm::err::ebusy);
    w.release(pooled);
    w.audit();
}

BOTH_PROFILES("the huge zero page is not split", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.map(2_MiB, {.huge = true});
    REQUIRE(w.t.load(a).fault == mm::fault_result::ok);
    CHECK(mm::split_range(w.t.mm(), a, a + 2_MiB) == 0);
    CHECK(w.t.inspect(a).page.kind == mm::page_kind::huge_zero);
    w.audit();
}

BOTH_PROFILES("the pieces of a folio in the swap cache keep their slots", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto* const head = w.held(a);
    REQUIRE(mm::add_to_swap(w.box.phys(), head));
    const auto slot = head->private_;
    CHECK(w.box.phys().swap.used() == 512);
    REQUIRE(mm::split_folio(w.box.phys(), head, head) == 0);
    auto* const piece = w.page_at(a + 77 * one);
    CHECK(piece->private_ == slot + 77);
    CHECK(w.flags(a + 77 * one).find('C') != std::string::npos);
    CHECK(w.refs(a + 77 * one) == 2);
    mm::free_swap(w.box.phys(), head);
    w.release(head);
    w.audit();
    REQUIRE(w.t.munmap(a, 2_MiB) == 0);
    CHECK(w.box.phys().swap.used() == 0);
    w.audit();
}

BOTH_PROFILES("a folio mapped by two spaces is split in both", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto& child = w.fork();
    CHECK(mm::split_range(child.mm(), a, a + one) == 1);
    CHECK(w.t.inspect(a + 9 * one).page.page == child.inspect(a + 9 * one).page.page);
    CHECK(w.refs(a + 9 * one) == 2);
    CHECK(w.letters(a) == "DY");
    CHECK(child.inspect(a).letters == "D");
    w.audit();
}

BOTH_PROFILES("a range is split folio by folio, and the held one stays", "[thp-split]") {
    huge_family<TestType> w(small(64_MiB));
    const vaddr a = w.map(6_MiB, {.huge = true});
    for (unsigned i = 0; i < 3; ++i) w.put_byte(w.t, a + i * 2_MiB, 1);
    REQUIRE(w.get(a + 2_MiB + 5 * one, 1) == 1);
    CHECK(mm::split_range(w.t.mm(), a + one, a + 4_MiB + one) == 2);
    CHECK(w.t.inspect(a).page.order == 0);
    CHECK(w.t.inspect(a + 2_MiB).at == mm::level::pmd);
    CHECK(w.t.inspect(a + 4_MiB).page.order == 0);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("what is not mapped of a range to be split is passed over", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    CHECK(mm::split_range(w.t.mm(), a - 6_MiB, a + 6_MiB) == 1);
    CHECK(w.t.inspect(a).page.order == 0);
    CHECK(mm::split_range(w.t.mm(), a + 64_MiB, a + 66_MiB) == 0);
    w.audit();
}

BOTH_PROFILES("what is unmapped of a huge page comes back when it is split later", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto& phys = w.box.phys();
    CHECK(phys.partly_mapped.size() == 0);
    REQUIRE(w.t.madvise(a, 100 * one, mm::advice::dontneed) == 0);
    CHECK(phys.partly_mapped.size() == 1);
    const auto before = phys.free_pages();
    REQUIRE(w.pin(a + 200 * one, 1, foll::write) == 1);
    CHECK(mm::split_partly_mapped(phys) == 0);  // somebody holds it: it waits
    CHECK(phys.partly_mapped.size() == 1);
    w.unpin(1);
    CHECK(mm::split_partly_mapped(phys) == 1);
    CHECK(phys.free_pages() == before + 100);
    CHECK(phys.partly_mapped.size() == 0);
    CHECK(w.byte(w.t, a + 300 * one) == 1 + 300 % 100);
    w.audit();
}

BOTH_PROFILES("a partly mapped folio that goes leaves no trace", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    REQUIRE(w.t.munmap(a + 2_MiB - one, one) == 0);
    CHECK(w.box.phys().partly_mapped.size() == 1);
    REQUIRE(w.t.munmap(a, 2_MiB - one) == 0);
    CHECK(w.box.phys().partly_mapped.size() == 0);
    CHECK(mm::split_partly_mapped(w.box.phys()) == 0);
    w.audit();
}

/// The mark is what a folio that is freed goes by: without it, nothing would keep the frame from its next user while the
/// queue still asks for a reference of it.
BOTH_PROFILES("a folio is marked as queued until the queue knows whether it is held", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto& queue = w.box.phys().partly_mapped;
    REQUIRE(w.t.madvise(a, 100 * one, mm::advice::dontneed) == 0);
    const bool held = GENERATE(true, false);
    frame<TestType>* asked = nullptr;
    frame<TestType>* const taken = queue.take([&](frame<TestType>* head) {
        CHECK(head->is(mm::pg::split_queued));
        asked = head;
        return held;
    });
    REQUIRE(asked != nullptr);
    CHECK(taken == (held ? asked : nullptr));
    CHECK(!asked->is(mm::pg::split_queued));
    CHECK(queue.size() == 0);
    w.audit();
}

BOTH_PROFILES("one page copied out of a huge page makes it partly mapped", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto& child = w.fork();
    w.put_byte(w.t, a + 5 * one, 200);
    w.box.exit(child);
    CHECK(w.byte(w.t, a + 5 * one) == 200);
    if (w.t.inspect(a + 6 * one).page.order != 0) CHECK(w.box.phys().partly_mapped.size() == 1);
    w.audit();
}

BOTH_PROFILES("a huge page of which a part is mapped is paged out page by page", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    REQUIRE(w.t.madvise(a + 10 * one, one, mm::advice::dontneed) == 0);
    REQUIRE(w.page_out(a, 10) == 0);
    REQUIRE(w.page_out(a + 11 * one, 501) == 0);
    CHECK(w.map_of(a) == mm::entry_kind::swap);
    CHECK(w.map_of(a + 511 * one) == mm::entry_kind::swap);
    CHECK(w.box.phys().swap.used() == 511);
    CHECK(w.byte(w.t, a + 499 * one) == 1 + 499 % 100);
    w.audit();
}

BOTH_PROFILES("a huge page finds no row of free slots in swap: it goes in pieces, as far as there is room", "[thp-split]") {
    mm::options o = small();
    o.swap = 1_MiB;
    huge_family<TestType> w(o);
    const vaddr a = w.filled();
    REQUIRE(w.page_out(a, 512) == 0);
    CHECK(w.box.phys().swap.used() == 256);
    unsigned swapped = 0;
    for (unsigned k = 0; k < 512; ++k) swapped += w.map_of(a + k * one) == mm::entry_kind::swap;
    CHECK(swapped == 256);
    for (unsigned k = 0; k < 512; k += 37) CHECK(w.byte(w.t, a + k * one) == static_cast<int>(1 + k % 100));
    w.audit();
}

TEST_CASE("6.12: a page that holds nothing but zeros is given up in a split, was it ever written or not", "[thp-split]") {
    huge_family<checked_6_12> w;
    const vaddr a = w.huge();
    w.put_byte(w.t, a + 3 * one, 7);
    w.put_byte(w.t, a + 3 * one, 0);
    w.put_byte(w.t, a + 4 * one + 4095, 7);
    REQUIRE(mm::split_range(w.t.mm(), a, a + 2_MiB) == 1);
    const auto kind = [&](unsigned k) { return w.t.inspect(a + k * one).page.kind; };
    CHECK(kind(2) == mm::page_kind::zero);
    CHECK(kind(3) == mm::page_kind::zero);
    CHECK(w.letters(a + 3 * one) == "YS");
    CHECK(kind(4) == mm::page_kind::anon);
    CHECK(w.byte(w.t, a + 4 * one + 4095) == 7);
    w.audit();
}

BOTH_PROFILES("a huge page that somebody held when it went to swap comes back whole", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto* const head = w.held(a);  // it was free to go when it got its slots
    REQUIRE(mm::add_to_swap(w.box.phys(), head));
    w.release(head);
    REQUIRE(w.get(a + 5 * one, 1) == 1);
    REQUIRE(w.page_out(a, 512) == 0);
    REQUIRE(w.map_of(a + 9 * one) == mm::entry_kind::swap);
    CHECK(w.byte(w.t, a + 9 * one) == 10);
    CHECK(w.page_at(a + 5 * one) == w.pages[0]);  // the page that is held, and all beside it
    CHECK(w.t.inspect(a + 511 * one).page.order == 9);
    CHECK(w.refs(a) == 512 + 512 + 1);  // entries, swap cache, the holder
    w.put(1);
    w.audit();
    REQUIRE(w.page_out(a, 512) == 0);
    CHECK(w.map_of(a + 5 * one) == mm::entry_kind::swap);
    CHECK(w.byte(w.t, a + 5 * one) == 6);
    w.audit();
}

BOTH_PROFILES("a huge page of which only a part is left comes back from the swap cache page by page", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    auto* const head = w.held(a);
    REQUIRE(mm::add_to_swap(w.box.phys(), head));
    w.release(head);
    REQUIRE(w.get(a + 300 * one, 1) == 1);
    REQUIRE(w.page_out(a, 512) == 0);
    REQUIRE(w.t.munmap(a, 256 * one) == 0);
    CHECK(w.byte(w.t, a + 300 * one) == 1);
    CHECK(w.page_at(a + 300 * one) == w.pages[0]);
    CHECK(w.map_of(a + 301 * one) == mm::entry_kind::swap);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("a whole huge page goes to swap in one piece and comes back by base pages", "[thp-split]") {
    huge_family<TestType> w;
    const vaddr a = w.filled();
    REQUIRE(w.page_out(a, 512) == 0);
    for (unsigned k : {0U, 1U, 511U}) {
        CHECK(w.map_of(a + k * one) == mm::entry_kind::swap);
        CHECK(w.swapped_exclusive(a + k * one) == !is_2019<TestType>);
    }
    CHECK(w.byte(w.t, a + 42 * one) == 43);
    CHECK(w.t.inspect(a + 42 * one).page.order == 0);
    CHECK(w.map_of(a + 43 * one) == mm::entry_kind::swap);
    w.audit();
}

TEST_CASE("mlock marks a large folio only where it has all of it", "[thp-split]") {
    huge_family<checked_6_12> w;
    const auto is_marked = [&](vaddr a) { return w.flags(a).find('M') != std::string::npos; };
    const vaddr a = w.filled();
    REQUIRE(w.t.mlock(a, 2_MiB) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pmd);
    CHECK(is_marked(a));
    REQUIRE(w.t.munlock(a, 2_MiB) == 0);
    CHECK_FALSE(is_marked(a));
    REQUIRE(w.t.mlock(a + one, 100 * one) == 0);
    CHECK(w.t.inspect(a).at == mm::level::pte);
    CHECK_FALSE(is_marked(a + one));
    REQUIRE(w.t.mlock(a, 2_MiB) == 0);
    CHECK(is_marked(a + one));
    w.audit();
}

}  // namespace

}  // namespace thp_split_tests
