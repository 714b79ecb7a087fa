// SPDX-License-Identifier: BSL-1.0
// The laws only an interleaving can break, each a program of two or three threads on one count. They run under every
// schedule and with every stale read the model of memory has (memory.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "report.hpp"
#include "subject.hpp"

namespace pinfold::check {

namespace laws {
inline constexpr law no_use_after_free{"no use after free", "whoever was granted a hold may use the page until it lets go; then it is freed once"};
inline constexpr law last_release_acquires{"last release acquires", "what holders did to the page happens before it is freed"};
inline constexpr law no_lost_unit{"no lost unit", "a grab that outlives the page's death and rebirth neither leaks it nor frees it early"};
inline constexpr law frozen_alone{"frozen alone", "who has frozen a head is alone with it, and publishes what was done meanwhile"};
inline constexpr law walker_or_unmapper{"walker or unmapper", "a lockless pin sees the unmapping, or the unmapper sees the pin"};
inline constexpr law walk_rolls_back{"walk rolls back", "a walk that gives up after its pin leaves the count as it was"};
inline constexpr law full_in_flight{"full in flight", "grabs refused for overflow are undone exactly while others come and go"};
inline constexpr law blocked_pins{"blocked pins", "while pins are blocked nobody pins, and references come and go"};
}  // namespace laws

namespace detail {

template <class P, class Subject>
class interleaved_laws {
    using policy = together<P, Subject>;
    using count = typename Subject::template count<policy>;
    using traits = count_traits<policy>;
    using value = typename traits::value_type;

    static constexpr bool has_pins = traits::has_pins;

    struct page {
        count c;
        lifetime life;
        plain<int> data{0};
        word<std::intptr_t> entry{1};

        void let_go(crossing reached) {
            if (reached != crossing::zero) return;
            if constexpr (traits::has_pin_word) that(c.pins() == 0, "no pin is left on a page that is freed");
            life.end();
        }
        outcome grab(bool large) {
            if constexpr (has_pins)
                return c.try_pin(1, large);
            else
                return c.try_get(1);
        }
        crossing release(bool large) {
            if constexpr (has_pins)
                return c.unpin(1, large);
            else
                return c.put(1);
        }
        /// Everything a speculative holder does.
        void visit(bool large) {
            const outcome got = grab(large);
            if (!got) return let_go(got.undo);
            life.use();
            let_go(release(large));
        }
    };

public:
    /// Holders at the same time: as many as the budget promises, three at most.
    static constexpr unsigned holders =
        traits::stated ? static_cast<unsigned>(std::min<std::uint64_t>(3, traits::limits.max_pins == 0 && has_pins
                                                                              ? 1 : P::budget.holders))
                       : 3;
    static constexpr bool applies = holders >= 2;
    static constexpr bool hybrid = traits::form == pin_form::hybrid;

    static exploration no_use_after_free(bool large, limits l) {
        return explore("no use after free", [large](program& p) {
            auto& g = p.make<page>("page");
            g.c.init(1);
            for (unsigned i = 1; i < holders; ++i) p.thread([&g, large] { g.visit(large); });
            p.thread([&g] { g.life.use(), g.let_go(g.c.put(1)); });
            p.at_end([&g] { that(!g.life.alive() && g.c.is_dead(), "the page is freed when all have let go"); });
        }, l);
    }

    /// Nobody looks at the word twice: the accesses of the holders and the freeing are ordered by the releases alone.
    static exploration last_release_acquires(bool large, limits l) {
        return explore("last release acquires", [large](program& p) {
            auto& g = p.make<page>("page");
            g.c.init(1);
            if constexpr (has_pins) g.c.pin(1, large);
            else g.c.get(1);
            p.thread([&g, large] { g.life.use(), g.let_go(g.release(large)); });
            p.thread([&g] { g.life.use(), g.let_go(g.c.put(1)); });
            p.at_end([&g] { that(!g.life.alive(), "the page is freed"); });
        }, l);
    }

    /// Who frees the page allocates it again at once, and lets it go again.
    static exploration no_lost_unit(bool large, limits l) {
        return explore("no lost unit", [large](program& p) {
            auto& g = p.make<page>("page");
            g.c.init(1);
            for (unsigned i = 1; i < holders; ++i) p.thread([&g, large] { g.visit(large); });
            p.thread([&g] {
                const crossing reached = g.c.put(1);
                g.let_go(reached);
                if (reached != crossing::zero) return;
                g.life.begin();
                g.c.init(1);
                g.life.use(), g.let_go(g.c.put(1));
            });
            p.at_end([&g] { that(!g.life.alive() && g.c.is_dead(), "the page is free in the end"); });
        }, l);
    }

    static exploration frozen_alone(bool large, limits l) {
        return explore("frozen alone", [large](program& p) {
            auto& g = p.make<page>("page");
            g.c.init(1);
            p.thread([&g] {
                if (!g.c.freeze(1)) return;
                g.data.set(1);
                g.c.unfreeze(1);
            });
            for (unsigned i = 1; i < holders; ++i)
                p.thread([&g, large] {
                    const outcome got = g.grab(large);
                    if (got) that(g.data.get() <= 1, "it is one of the two layouts"), g.let_go(g.release(large));
                });
            p.at_end([&g] { that(g.c.raw() == 1 && g.life.alive(), "all grabs were given back"); });
        }, l);
    }

    /// B1 read the entry, B2 pin, B3 fence, B4 read it again; A1 clear it, A2 fence, A3 look for pins.
    static exploration walker_or_unmapper(bool large, limits l) requires has_pins {
        return explore("walker or unmapper", [large](program& p) {
            using walker = typename Subject::template walk<count>;
            auto& g = p.make<page>("page");
            g.c.init(1);
            p.thread([&g, large] {
                if (!walker::take(g.c, g.entry, false, large)) return;
                g.data.set(g.data.get() + 1);  // the device writes
            });
            p.thread([&g, large] {
                g.entry.store(0);
                policy::word::full_fence();
                if (!static_cast<bool>(g.c.maybe_pinned(large))) g.data.set(0);  // nobody else can reach the page
            });
        }, l);
    }

    static exploration walk_rolls_back(bool large, limits l) requires has_pins {
        return explore("walk rolls back", [large](program& p) {
            using walker = typename Subject::template walk<count>;
            auto& g = p.make<page>("page");
            g.c.init(1);
            p.thread([&g, large] {
                if (walker::take(g.c, g.entry, false, large)) g.let_go(g.c.unpin(1, large));
                (void)walker::take(g.c, g.entry, true, large);
            });
            p.thread([&g] { g.entry.store(0); });
            p.at_end([&g] {
                that(g.c.raw() == 1 && !static_cast<bool>(g.c.maybe_pinned(false)) && !static_cast<bool>(g.c.maybe_pinned(true)),
                     "the count is what it was");
            });
        }, l);
    }

    static exploration full_in_flight(bool large, limits l)
        requires(traits::overflow == overflow_rule::refuse)
    {
        using full_count = typename Subject::template count<together_at_the_limit<P, Subject>>;
        static constexpr auto full = static_cast<value>(traits::max_value - 1);
        struct full_page {
            full_count c;
        };
        return explore("full in flight", [large](program& p) {
            auto& g = p.make<full_page>("page");
            g.c.set_raw(full);
            for (unsigned i = 1; i < holders; ++i)
                p.thread([&g, large] {
                    (void)large;  // named where there are pins in the word
                    outcome got;
                    if constexpr (has_pins && !traits::has_pin_word) got = g.c.try_pin(1, large);
                    else got = g.c.try_get(2);
                    that(got.undo == crossing::none, "a full page is not freed");
                    if (!got) return;
                    if constexpr (has_pins && !traits::has_pin_word) that(g.c.unpin(1, large) == crossing::none, "a full page is not freed");
                    else that(g.c.put(2) == crossing::none, "a full page is not freed");
                });
            p.thread([&g] { that(g.c.put(1) == crossing::none, "a full page is not freed"), g.c.get(1); });
            p.at_end([&g] { that(g.c.raw() == full, "the word is what it was"); });
        }, l);
    }

    static exploration blocked_pins(bool large, limits l) requires(has_pins && traits::can_block) {
        return explore("blocked pins", [large](program& p) {
            auto& g = p.make<page>("page");
            g.c.init(1);
            p.thread([&g, large] {
                if (!g.c.block_pins(large)) return;
                g.data.set(1);
                g.let_go(g.c.unblock_pins(large));
            });
            for (unsigned i = 1; i < holders; ++i)
                p.thread([&g, large, i] {
                    if (i == 2) {
                        const outcome got = g.c.try_get(1);
                        that(static_cast<bool>(got), "references are granted");
                        return g.let_go(g.c.put(1));
                    }
                    const outcome got = g.c.try_pin(1, large);
                    if (!got) return;
                    (void)g.data.get();
                    g.let_go(g.c.unpin(1, large));
                });
            p.at_end([&g] { that(g.c.raw() == 1 && g.life.alive(), "all holds were given back"); });
        }, l);
    }
};

}  // namespace detail

}  // namespace pinfold::check
