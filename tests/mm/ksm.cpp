// SPDX-License-Identifier: BSL-1.0
// KSM: equal pages become one; whoever holds a page keeps it out; writes and pins take a copy.
// Source: spec 07 §14, spec 10 §17.
#include "sharing_box.hpp"

namespace ksm_tests {

namespace {

using namespace mmt;

template <class P>
struct mergeable : family<P> {
    vaddr region(std::initializer_list<unsigned char> values) {
        const vaddr a = this->map(values.size() << mm::page_shift);
        REQUIRE(this->t.madvise(a, values.size() << mm::page_shift, mm::advice::mergeable) == 0);
        vaddr at = a;
        for (const unsigned char v : values) {
            this->put_byte(this->t, at, v);
            at += mm::page_size;
        }
        return a;
    }
    mm::page_kind kind(vaddr a) { return this->t.inspect(a).page.kind; }
    void scan() { this->box.ksm().run(4); }
};

BOTH_PROFILES("equal pages become one KSM page; the others keep everything", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5, 6, 5});
    auto* const second = w.page_at(a + one);
    const auto free = w.box.free_pages();
    w.scan();
    CHECK(w.kind(a) == mm::page_kind::ksm);
    CHECK(w.page_at(a) == second);  // that of the higher address of the first pair
    CHECK(w.page_at(a + 3 * one) == second);
    CHECK(w.refs(a) == 3);
    CHECK(w.letters(a) == "Y");
    CHECK(w.letters(a + one) == "Y");
    CHECK(w.flags(a) == "DB");
    CHECK(w.letters(a + 2 * one) == "WDY");
    CHECK(w.flags(a + 2 * one) == marks<TestType>("XB"));
    CHECK(w.box.free_pages() == free + 2);
    w.audit();
}

BOTH_PROFILES("one scan only notes what pages look like", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5});
    w.box.ksm().run(1);
    CHECK(w.kind(a) == mm::page_kind::anon);
    w.put_byte(w.t, a, 6);
    w.put_byte(w.t, a + one, 6);
    w.box.ksm().run(1);  // written since: looked at again
    CHECK(w.kind(a) == mm::page_kind::anon);
    w.box.ksm().run(1);
    CHECK(w.kind(a) == mm::page_kind::ksm);
    w.audit();
}

BOTH_PROFILES("a page somebody holds is not merged, and its equal partner is an ordinary page afterwards", "[ksm]") {
    mergeable<TestType> w;
    const bool pinned = GENERATE(false, true);
    const vaddr held = GENERATE(vaddr{0}, one);
    const vaddr a = w.region({5, 5});
    REQUIRE((pinned ? w.pin(a + held, 1, foll::write) : w.get(a + held, 1)) == 1);
    w.scan();
    CHECK(w.kind(a) == mm::page_kind::anon);
    CHECK(w.kind(a + one) == mm::page_kind::anon);
    CHECK(w.page_at(a + held) == w.pages[0]);
    CHECK(w.letters(a + held) == "WDY");
    CHECK(w.flags(a + held) == marks<TestType>("XB"));
    CHECK(w.letters(a + one - held) == (held == 0 ? "Y" : "WDY"));
    CHECK(w.flags(a + one - held) == marks<TestType>("XB"));
    w.put_byte(w.t, a + held, 9);
    CHECK(w.seen_by_device() == 9);
    if (pinned) w.unpin(1);
    else w.put(1);
    w.audit();
}

BOTH_PROFILES("a page of a huge folio is split off, merges, and is locked by nobody afterwards", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.huge(), last = a + 511 * one, b = w.region({9});
    for (vaddr at = a; at < last; at += one) {  // no two alike
        w.put_byte(w.t, at, static_cast<unsigned char>(at >> mm::page_shift));
        w.put_byte(w.t, at + 1, static_cast<unsigned char>(at >> mm::page_shift >> 8));
        w.put_byte(w.t, at + 2, 1);
    }
    w.put_byte(w.t, last, 9);
    REQUIRE(w.t.madvise(a, 2_MiB, mm::advice::mergeable) == 0);
    w.scan();
    CHECK(w.kind(last) == mm::page_kind::ksm);
    CHECK(w.page_at(last) == w.page_at(b));
    CHECK(w.kind(a) == mm::page_kind::anon);
    w.audit();
}

BOTH_PROFILES("a write to a KSM page copies, even the last one", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5});
    w.scan();
    auto* const ksm = w.page_at(a);
    w.put_byte(w.t, a, 6);
    CHECK(w.letters(a) == "WDY");
    CHECK(w.flags(a) == marks<TestType>("XB"));
    CHECK(w.page_at(a + one) == ksm);
    CHECK(w.refs(a + one) == 1);
    w.put_byte(w.t, a + one, 7);
    CHECK(w.page_at(a + one) != ksm);
    CHECK(w.byte(w.t, a) == 6);
    w.audit();
}

TEST_CASE("linux_6_12: a read pin takes a copy of a KSM page, a GET takes the page itself", "[ksm]") {
    mergeable<checked_6_12> w;
    const vaddr a = w.region({5, 5, 5});
    w.scan();
    const auto before = w.box.counters();
    REQUIRE(w.pin(a, 1) == 1);
    CHECK(w.box.counters() - before == mm::pin_counters{2, 1});
    CHECK(w.kind(a) == mm::page_kind::anon);
    CHECK(w.letters(a) == "Y");
    CHECK(w.flags(a) == "XB");
    w.put_byte(w.t, a, 6);
    CHECK(w.seen_by_device() == 6);
    w.unpin(1);
    REQUIRE(w.get(a + one, 1) == 1);
    CHECK(w.kind(a + one) == mm::page_kind::ksm);
    CHECK(w.refs(a + one) == 3);
    w.put_byte(w.t, a + one, 7);
    CHECK(w.seen_by_device() == 5);
    w.put(1);
    w.audit();
}

BOTH_PROFILES("a new page joins the KSM page there is, also from another process", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5});
    w.scan();
    auto& other = w.box.spawn();
    const auto b = other.mmap(one);
    REQUIRE(b.error == 0);
    REQUIRE(other.madvise(*b, one, mm::advice::mergeable) == 0);
    w.put_byte(other, *b, 5);
    w.scan();
    CHECK(other.inspect(*b).page.page == w.page_at(a));
    CHECK(w.refs(a) == 3);
    w.box.exit(other);
    CHECK(w.refs(a) == 2);
    w.scan();
    w.audit();
}

BOTH_PROFILES("fork shares a KSM page like any other, and scans go on", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5});
    w.scan();
    auto& c = w.fork();
    CHECK(w.refs(a) == 4);
    w.scan();
    CHECK(w.refs(a) == 4);
    w.put_byte(c, a, 6);
    CHECK(w.refs(a) == 3);
    w.scan();
    w.audit();
}

BOTH_PROFILES("MADV_UNMERGEABLE gives every place a page of its own", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5, 5});
    w.scan();
    REQUIRE(w.t.madvise(a, 2 * one, mm::advice::unmergeable) == 0);
    CHECK(w.kind(a) == mm::page_kind::anon);
    CHECK(w.letters(a) == "Y");
    CHECK(w.flags(a) == marks<TestType>("XB"));
    CHECK(w.kind(a + 2 * one) == mm::page_kind::ksm);
    CHECK(w.refs(a + 2 * one) == 1);
    w.scan();
    CHECK(w.kind(a) == mm::page_kind::anon);
    w.audit();
}

BOTH_PROFILES("a KSM page of one place goes to swap and comes back as an ordinary page", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5});
    w.scan();
    CHECK(w.page_out(a) == 0);
    CHECK(w.kind(a) == mm::page_kind::ksm);  // two places: left alone
    REQUIRE(w.t.munmap(a + one, one) == 0);
    CHECK(w.page_out(a) == 0);
    CHECK(w.map_of(a) == mm::entry_kind::swap);
    CHECK(w.byte(w.t, a) == 5);
    CHECK(w.kind(a) == mm::page_kind::anon);
    w.audit();
}

BOTH_PROFILES("a KSM page that nobody shows any more is forgotten; equal pages that come later get a new one", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5, 6});
    w.scan();
    REQUIRE(w.kind(a) == mm::page_kind::ksm);
    w.put_byte(w.t, a, 1);
    w.put_byte(w.t, a + one, 2);  // nobody has the page of fives now
    w.audit();
    w.put_byte(w.t, a, 5);
    w.put_byte(w.t, a + one, 5);
    w.scan();
    CHECK(w.kind(a) == mm::page_kind::ksm);
    CHECK(w.page_at(a) == w.page_at(a + one));
    CHECK(w.refs(a) == 2);
    w.put_byte(w.t, a + 2 * one, 5);
    for (int i = 0; i < 3; ++i) w.scan();
    CHECK(w.page_at(a + 2 * one) == w.page_at(a));
    w.audit();
}

BOTH_PROFILES("a page that parent and child show is no pair by itself", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5});
    auto& c = w.fork();
    auto* const page = w.page_at(a);
    w.scan();
    CHECK(w.page_at(a) == page);
    CHECK(c.inspect(a).page.page == page);
    CHECK(w.kind(a) == mm::page_kind::anon);
    CHECK(w.refs(a) == 2);
    w.audit();
}

BOTH_PROFILES("a KSM page can be moved: all places follow, and new ones join", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5, 6});
    w.scan();
    auto& c = w.fork();
    auto* const old = w.page_at(a);
    REQUIRE(mm::isolate(w.box.phys(), old));
    REQUIRE(mm::migrate_folio(w.box.phys(), old, {}) == 0);
    auto* const now = w.page_at(a);
    CHECK(now != old);
    CHECK(w.page_at(a + one) == now);
    CHECK(c.inspect(a).page.page == now);
    CHECK(w.refs(a) == 4);
    w.put_byte(w.t, a + 2 * one, 5);
    w.scan();
    w.scan();
    w.scan();
    CHECK(w.page_at(a + 2 * one) == now);
    w.audit();
}

BOTH_PROFILES("a KSM page is shared by so many places only; then there is another one", "[ksm]") {
    mergeable<TestType> w;
    const std::uint64_t n = mm::ksm_daemon<TestType>::max_sharing + 10;
    const vaddr a = w.written(n, 5);
    REQUIRE(w.t.madvise(a, n * one, mm::advice::mergeable) == 0);
    w.scan();
    CHECK(w.refs(a) == 256);
    CHECK(w.page_at(a + (n - 1) * one) != w.page_at(a));
    CHECK(w.kind(a + (n - 1) * one) == mm::page_kind::ksm);
    w.audit();
}

BOTH_PROFILES("a KSM page that moves while it is looked up is found where it is now", "[ksm]") {
    mergeable<TestType> w;
    const vaddr a = w.region({5, 5, 6});
    w.scan();
    REQUIRE(w.kind(a) == mm::page_kind::ksm);
    auto* const before = w.page_at(a);
    w.put_byte(w.t, a + 2 * one, 5);
    bool moved = false;
    const auto when = GENERATE(mm::race_point::head_resolved, mm::race_point::added);
    hooked::once(when, [&] { moved = mm::migrate_page(w.t.mm(), a, {}).error == 0; });
    for (int i = 0; i < 20; ++i) w.scan();
    CHECK(moved == (when == mm::race_point::head_resolved));  // else its reference was seen
    CHECK((w.page_at(a) != before) == moved);
    CHECK(w.page_at(a + 2 * one) == w.page_at(a));
    CHECK(w.refs(a) == 3);
    w.audit();
    auto* const then = w.page_at(a);
    CHECK(mm::migrate_page(w.t.mm(), a, {}).error == 0);  // every place of it is still known
    CHECK(w.page_at(a) != then);
    CHECK(w.page_at(a + one) == w.page_at(a));
    CHECK(w.page_at(a + 2 * one) == w.page_at(a));
    w.audit();
}

}  // namespace

}  // namespace ksm_tests
