// SPDX-License-Identifier: BSL-1.0
// Grabs without evidence while the page changes under them: each row of spec 02 §4, forced at each access (T-02-2).
#include <catch2/catch.hpp>

#include "frames.hpp"

namespace unit_speculation {

using namespace pinfold;
using testing::called;
using testing::recorder;

namespace {

using probe = testing::interrupt<struct speculation>;
template <class T>
using probed = probed_word<unsync_word<T>, probe>;

template <class Liveness, class Pins = overlay_pins<>>
struct counting : count_defaults {
    using word = probed<std::int32_t>;
    using pins = Pins;
    using liveness = Liveness;
    using warnings = recorder;
};

using devices = device_switch<struct speculation_test>;

template <class Liveness>
struct frame_policy;
template <class Liveness>
struct frame {
    pinfold::count<counting<Liveness>> count;
    probed<std::intptr_t> link;
    bool device = false;
    using pinfold_policy = frame_policy<Liveness>;
};

struct freed_tag;
struct woken_tag;
using freed = called<freed_tag>;
using woken = called<woken_tag>;

/// Frees like an allocator: the page may be handed out again at once.
template <class Liveness>
struct pool {
    static void give_back(frame<Liveness>* p) noexcept { freed::remember(p); }
    static void wake(frame<Liveness>* p) noexcept { woken::remember(p); }
    static bool is_device(const frame<Liveness>& p) noexcept { return p.device; }
};

struct pin_counter {
    static inline std::uint64_t taken = 0, given = 0;
    template <class Page>
    static void acquired(const Page&, std::uint64_t n) noexcept { taken += n; }
    template <class Page>
    static void released(const Page&, std::uint64_t n) noexcept { given += n; }
};

template <class Liveness>
struct frame_policy : page_defaults<&frame<Liveness>::count> {
    using head = tagged_head<&frame<Liveness>::link>;
    using release = by_kind<devices, &pool<Liveness>::is_device,
                            on_release<idle_at_one<&pool<Liveness>::wake>, free_at_zero<&pool<Liveness>::give_back>>,
                            free_at_zero<&pool<Liveness>::give_back>>;
    using statistics = pin_counter;
};

/// Eight pages; pages[0] is the head of [0, 4) at first, and holds one reference of its owner.
template <class Liveness>
struct scene {
    using page = frame<Liveness>;
    using ops = page_ops<page>;
    using link = typename frame_policy<Liveness>::head;
    static inline page* pages = nullptr;

    page all[8];

    scene() {
        probe::countdown = -1;
        pages = all;
        freed::reset(), woken::reset(), recorder::reset();
        pin_counter::taken = pin_counter::given = 0;
        block(0, 4);
        all[0].count.init(1);
    }
    static void block(int head, int size) {
        for (int i = 1; i < size; ++i) link::make_tail(pages[head + i], pages[head]);
    }
    /// Split [0, 4) into single pages, each with a reference of its own: the head is frozen meanwhile.
    static void split() {
        if (!pages[0].count.freeze(1)) return;
        for (int i = 1; i < 4; ++i) {
            link::clear(pages[i]);
            pages[i].count.init(1);
        }
        pages[0].count.unfreeze(1);
    }
    static void put_head() { ops::put(&pages[0]); }
};

/// The accesses of an undisturbed try_pin(tail): how many places there are to interrupt.
template <class Liveness>
int accesses_of_a_pin() {
    scene<Liveness> s;
    const int before = probe::accesses;
    REQUIRE(page_ops<frame<Liveness>>::try_pin(&s.all[2]));
    return probe::accesses - before;
}

}  // namespace

#define BOTH zero_is_dead, sticky_dead, sticky_dead_load_test

TEMPLATE_TEST_CASE("undisturbed, the pin is on the head", "", BOTH) {
    scene<TestType> s;
    CHECK(scene<TestType>::ops::try_pin(&s.all[2], 3));
    CHECK(s.all[0].count.raw() == 1 + 3 * 1024);
    CHECK(pin_counter::taken == 3);
}

TEMPLATE_TEST_CASE("a split under the grab: the pin is on the page's new head, wherever it came", "", BOTH) {  // DEF-14
    const int places = accesses_of_a_pin<TestType>();
    int moved = 0;
    for (int at = 0; at < places; ++at) {
        for (const bool reference : {false, true}) {
            scene<TestType> s;
            using ops = typename scene<TestType>::ops;
            probe::at(at, &scene<TestType>::split);
            const outcome got = reference ? ops::try_get(&s.all[2], 2) : ops::try_pin(&s.all[2], 2);
            INFO("at access " << at);
            CHECK(probe::came());
            const int unit = reference ? 1 : 1024;
            // Either it came first and the split could not freeze, or it is on the new head, or it met the frozen head.
            if (got) {
                const bool was_split = ops::head(&s.all[2]) == &s.all[2];
                moved += was_split;
                CHECK(s.all[0].count.raw() == (was_split ? 1 : 1 + 2 * unit));
                if (was_split) CHECK(s.all[2].count.raw() == 1 + 2 * unit);
                CHECK(pin_counter::taken == (reference ? 0u : 2u));
            } else {
                CHECK(got.error == errc::dead);
                CHECK(s.all[0].count.raw() == 1);
                CHECK(pin_counter::taken == 0);
            }
            CHECK(pin_counter::given == 0);
            CHECK(freed::times() == 0);
            CHECK(recorder::all() == 0);
        }
    }
    CHECK(moved > 0);
}

TEMPLATE_TEST_CASE("the page is freed under the grab: refused, and freed once", "", BOTH) {
    const int places = accesses_of_a_pin<TestType>();
    for (int at = 0; at < places; ++at) {
        scene<TestType> s;
        using ops = typename scene<TestType>::ops;
        probe::at(at, &scene<TestType>::put_head);
        const outcome got = ops::try_pin(&s.all[2]);
        INFO("at access " << at);
        if (got) {  // it came before the owner let go: the pin holds the page now
            CHECK(freed::times() == 0);
            CHECK(s.all[0].count.raw() == 1024);
            ops::unpin(&s.all[2]);
        } else {
            CHECK(got.error == errc::dead);
        }
        CHECK(freed::times() == 1);
        CHECK(s.all[0].count.is_dead());
        CHECK(pin_counter::taken == pin_counter::given);
        CHECK(recorder::all() == 0);
    }
}

TEMPLATE_TEST_CASE("freed and allocated again with the same head: the grab is on what the page now belongs to", "", BOTH) {
    const int places = accesses_of_a_pin<TestType>();
    for (int at = 0; at < places; ++at) {
        scene<TestType> s;
        using ops = typename scene<TestType>::ops;
        probe::at(at, [] {
            scene<TestType>::put_head();
            if (freed::times() == 1) scene<TestType>::pages[0].count.init(1);
        });
        const outcome got = ops::try_pin(&s.all[2]);
        INFO("at access " << at);
        CHECK(recorder::all() == 0);
        if (!got) CHECK(got.error == errc::dead);
        if (got) ops::unpin(&s.all[2]);
        CHECK(s.all[0].count.refs() == (freed::times() == 1 && !s.all[0].count.is_dead() ? 1 : 0));
        CHECK(freed::times() == 1);
        CHECK(pin_counter::taken == pin_counter::given);
    }
}

TEMPLATE_TEST_CASE("freed, and the head reused as a stranger: the stranger is as it was", "", BOTH) {
    const int places = accesses_of_a_pin<TestType>();
    int strangers = 0;
    for (int at = 0; at < places; ++at) {
        scene<TestType> s;
        using ops = typename scene<TestType>::ops;
        probe::at(at, [] {
            using sc = scene<TestType>;
            sc::put_head();
            if (freed::times() == 0) return;
            for (int i = 1; i < 4; ++i) sc::link::clear(sc::pages[i]);
            sc::pages[0].count.init(3);  // somebody else's single page; page 2 is free
        });
        const outcome got = ops::try_pin(&s.all[2]);
        INFO("at access " << at);
        if (freed::times() == 1 && s.all[0].count.refs() == 3) {
            ++strangers;
            CHECK(got.error == errc::dead);  // page 2 is free
        }
        if (freed::times() == 1) CHECK(s.all[0].count.raw() == 3);
        CHECK(s.all[2].count.is_dead());
        CHECK(recorder::all() == 0);
    }
    CHECK(strangers > 0);
}

namespace {
int turn;
}

TEMPLATE_TEST_CASE("the undo may be the stranger's last release: freed exactly once, properly", "", BOTH) {  // T-02-5
    // The head is freed and becomes somebody's single page; the grab lands on it; its owner lets go; then the undo.
    int by_undo = 0;
    const int places = accesses_of_a_pin<TestType>();
    for (int first = 0; first < places + 2; ++first) {
        for (int second = 0; second < places + 4; ++second) {
            scene<TestType> s;
            using ops = typename scene<TestType>::ops;
            turn = second;
            static bool reused, let_go;
            reused = let_go = false;
            probe::at(first, [] {
                using sc = scene<TestType>;
                sc::put_head();
                if (freed::times() == 0) return;
                for (int i = 1; i < 4; ++i) sc::link::clear(sc::pages[i]);
                sc::pages[0].count.init(1);
                reused = true;
                probe::at(turn, [] {
                    let_go = true;
                    scene<TestType>::put_head();
                });
            });
            const outcome got = ops::try_pin(&s.all[2]);
            probe::countdown = -1;
            INFO("at accesses " << first << " and " << second);
            if (!reused) continue;
            CHECK(got.error == errc::dead);
            CHECK(recorder::all() == 0);
            const int before = freed::times();
            if (!let_go) ops::put(&s.all[0]);
            CHECK(freed::times() == 2);
            CHECK(freed::pages.back() == &s.all[0]);
            CHECK(s.all[0].count.is_dead());
            by_undo += let_go && before == 2;
        }
    }
    CHECK(by_undo > 0);
}

TEST_CASE("a refused grab in flight may be the last holder of the page's next life: its undo frees, once") {  // I4
    int by_undo = 0;
    for (int at = 0; at < 8; ++at) {
        scene<sticky_dead> s;
        using ops = scene<sticky_dead>::ops;
        scene<sticky_dead>::put_head();  // dead
        REQUIRE(freed::times() == 1);
        static int released;
        released = 0;
        probe::at(at, [] {
            scene<sticky_dead>::pages[0].count.init(1);
            scene<sticky_dead>::put_head();
            released = freed::times();
        });
        const outcome got = ops::try_pin(&s.all[2]);
        if (!probe::came()) break;
        INFO("at access " << at);
        CHECK((got.error == errc::dead && got.undo == crossing::none));
        CHECK(freed::times() == 2);
        CHECK(s.all[0].count.raw() == -(1 << 30));
        CHECK(recorder::all() == 0);
        by_undo += released == 1;
    }
    CHECK(by_undo > 0);
    probe::countdown = -1;
}

TEMPLATE_TEST_CASE("an undo that brings a device page to one wakes its waiters", "", BOTH) {  // T-03-3, I4
    devices::device_added();
    int by_undo = 0;
    const int places = accesses_of_a_pin<TestType>();
    for (int at = 0; at < places; ++at) {
        scene<TestType> s;
        using ops = typename scene<TestType>::ops;
        s.all[0].device = true;
        REQUIRE(ops::try_get(&s.all[0]));  // somebody's reference
        probe::at(at, [] {                 // page 2 leaves the block while it is referenced elsewhere
            using sc = scene<TestType>;
            sc::link::clear(sc::pages[2]);
            sc::put_head();
        });
        const outcome got = ops::try_pin(&s.all[2]);
        INFO("at access " << at);
        if (got) {
            ops::unpin(&s.all[0]);
        } else {
            CHECK(got.error == errc::dead);
            by_undo += woken::times() == 1;
        }
        // Two stands of the count at one: the release alone, or the release and then the undo of a grab that came between.
        CHECK(woken::times() >= 1);
        CHECK(s.all[0].count.raw() == 1);
        CHECK(freed::times() == 0);
    }
    CHECK(by_undo > 0);
    devices::device_removed();
}

TEMPLATE_TEST_CASE("an overflowed head refuses, and nothing is counted", "", BOTH) {
    scene<TestType> s;
    s.all[0].count.set_raw(-1200000000);
    CHECK(scene<TestType>::ops::try_pin(&s.all[3]) == outcome{errc::overflow, crossing::none});
    CHECK(scene<TestType>::ops::try_get(&s.all[3]) == outcome{errc::overflow, crossing::none});
    CHECK(recorder::negative_ == 2);
    CHECK(s.all[0].count.raw() == -1200000000);
    CHECK(pin_counter::taken + pin_counter::given == 0);
}

// ---- hybrid pins: the head may come back with another size ----------------------------------------------------

namespace {

template <class Liveness>
struct folio;
template <class Liveness>
bool is_large(const folio<Liveness>& f) noexcept;
template <class Liveness>
struct folio_policy;
template <class Liveness>
struct folio {
    pinfold::count<counting<Liveness, hybrid_pins<&is_large<Liveness>>>> count;
    bool large = false;
    using pinfold_policy = folio_policy<Liveness>;
};
template <class Liveness>
bool is_large(const folio<Liveness>& f) noexcept {
    return f.large;
}
template <class Liveness>
struct folios {
    static inline folio<Liveness>* page = nullptr;
    static void give_back(folio<Liveness>* p) noexcept { freed::remember(p); }
    static void come_back_resized() {
        page_ops<folio<Liveness>>::put(page);
        if (freed::times() == 0) return;
        page->large = !page->large;
        page->count.init(1);
    }
};
template <class Liveness>
struct folio_policy : page_defaults<&folio<Liveness>::count> {
    using release = free_at_zero<&folios<Liveness>::give_back>;
};

}  // namespace

TEMPLATE_TEST_CASE("a head that comes back with the other size is pinned as what it is now", "", BOTH) {
    using ops = page_ops<folio<TestType>>;
    int resized = 0;
    for (const bool large : {false, true}) {
        for (int at = 0; at < 8; ++at) {
            probe::countdown = -1;
            freed::reset(), recorder::reset();
            testing::violations broken;
            folio<TestType> f;
            f.large = large;
            f.count.init(1);
            folios<TestType>::page = &f;
            probe::at(at, &folios<TestType>::come_back_resized);
            const outcome got = ops::try_pin(&f, 3);
            if (!probe::came()) break;
            INFO((large ? "large, at access " : "small, at access ") << at);
            if (got && freed::times() == 1) {
                ++resized;
                CHECK(f.count.raw() == (f.large ? 4 : 1 + 3 * 1024));
                CHECK(f.count.pins() == (f.large ? 3 : 0));
            }
            if (got) {
                CHECK(static_cast<bool>(ops::maybe_pinned(&f)));
                ops::unpin(&f, 3);
            }
            CHECK(f.count.pins() == 0);
            CHECK(f.count.refs() == (freed::times() == 1 && !f.count.is_dead() ? 1 : 0));
            CHECK(testing::violations::seen == 0);
            CHECK(recorder::all() == 0);
        }
    }
    CHECK(resized > 0);
}

// ---- a refused grab that was overtaken: reasons -----------------------------------------------------------------

TEMPLATE_TEST_CASE("a page that comes to life under a grab is no overflow", "", BOTH) {
    static pinfold::count<counting<TestType>>* head;
    for (int at = 0; at < 4; ++at) {
        recorder::reset();
        probe::countdown = -1;
        pinfold::count<counting<TestType>> c;
        head = &c;
        probe::at(at, [] { head->init(1); });
        const outcome got = c.try_get();
        if (!probe::came()) break;
        INFO("at access " << at);
        CHECK((got || got.error == errc::dead));
        CHECK(c.raw() == (got ? 2 : 1));
        CHECK(recorder::all() == 0);
    }
    probe::countdown = -1;
}

}  // namespace unit_speculation
