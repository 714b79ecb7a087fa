// SPDX-License-Identifier: BSL-1.0
// Every operation of an 8-bit count, interrupted at each of its accesses by every short sequence of whole other
// operations, in every state with a few holders. The bookkeeping here is plain: who holds what, and who freed.
#include <catch2/catch.hpp>

#include <pinfold/count/count.hpp>
#include <pinfold/policy/exact_pins.hpp>
#include <pinfold/policy/no_pins.hpp>
#include <pinfold/policy/split_word_pins.hpp>
#include <pinfold/policy/zero_is_dead.hpp>
#include <pinfold/word/probed_word.hpp>
#include <pinfold/word/unsync_word.hpp>

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace {

using pinfold::crossing;
using pinfold::errc;

/// Runs something at the n-th access from now, and something more some accesses of the interrupted operation later.
struct interrupt {
    static inline int countdown = -1, gap = -1;
    static inline bool inside = false;
    static inline std::function<void(int)> then;  // 0: the first time, 1: the second
    static void before(pinfold::word_access, const void*, std::int64_t) {
        if (inside || countdown < 0 || countdown-- != 0) return;  // nothing interrupts an interruption
        const bool first = gap >= 0;
        inside = true;
        then(first ? 0 : 1);
        inside = false;
        if (first) countdown = gap, gap = -1;
    }
};
using word = pinfold::probed_word<pinfold::unsync_word<signed char>, interrupt>;

struct warned {
    static inline int times = 0;
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
};

template <class Pins, class Liveness>
struct policy : pinfold::count_defaults {
    using word = ::word;
    using pins = Pins;
    using liveness = Liveness;
    using warnings = warned;
    static constexpr bool blocks_pins = Pins::form != pinfold::pin_form::exact && Pins::form != pinfold::pin_form::none;
    // Three threads at most are in flight here: the interrupted one and what it is interrupted by.
    static constexpr pinfold::budget budget{2, 3, 2, 1};
};

enum class act { get, try_get, try_get_held, put, try_pin, try_pin_held, unpin, init, freeze, unfreeze, block, unblock, count };
constexpr const char* names[] = {"get", "try_get", "try_get_held", "put", "try_pin", "try_pin_held", "unpin", "init",
                                 "freeze", "unfreeze", "block", "unblock"};

/// One head and what the people around it know.
template <class P>
struct world {
    pinfold::count<P> c;
    int refs = 0, pins = 0;
    bool owned = true;     // dead or frozen: whoever killed or froze it owns it alone
    bool blocked = false, unblocking = false;
    int reserved = 0;      // references that are somebody's evidence at the moment
    int freed = 0, freed_by_undo = 0, lives = 0;
    std::string wrong;

    static constexpr bool has_pins = pinfold::count_traits<P>::has_pins;
    static constexpr bool has_pin_word = pinfold::count_traits<P>::has_pin_word;

    int held() const { return refs + pins; }

    bool allowed(act a) const {
        const int free_refs = refs - reserved;
        switch (a) {
            case act::get: return free_refs > 0 && refs < 3;
            case act::try_get: return refs < 3;
            case act::try_get_held: return free_refs > 0 && refs < 3;
            case act::put: return free_refs > 0;
            case act::try_pin: return has_pins && pins < 2;
            case act::try_pin_held: return has_pins && free_refs > 0 && pins < 2;
            case act::unpin: return has_pins && pins > 0;
            case act::init: return owned;
            case act::freeze: return refs == 1 && pins == 0 && reserved == 0;
            case act::unfreeze: return owned;
            case act::block: return has_pins && free_refs > 0 && !blocked && !unblocking;
            case act::unblock: return blocked;
            case act::count: break;
        }
        return false;
    }

    void expect(bool ok, const char* what) {
        if (!ok && wrong.empty()) wrong = what;
    }

    void reached(crossing x) {
        expect(x != crossing::idle, "nobody asked for the idle crossing");
        if (x != crossing::zero) return;
        expect(held() == 0, "freed while held");
        expect(!owned, "freed twice");
        if constexpr (has_pin_word) {
            const bool before = std::exchange(interrupt::inside, true);
            expect(c.pins() == 0, "freed, and its pin word is not zero (T-02-6)");
            interrupt::inside = before;
        }
        owned = true;
        ++freed;
    }

    /// What was so when a grab began: without a holder, or freed since, the head may be dead.
    struct moment {
        bool unheld;
        int freed;
    };
    moment now() const { return {held() == 0, freed}; }

    void grabbed(pinfold::outcome got, int& kind, bool sure, moment begun) {
        if (got) {
            expect(!owned, "granted on a dead head");
            ++kind;
        } else {
            expect(!sure, "refused although the head was live throughout");
            expect(got.error == errc::dead || got.error == errc::pins_blocked, "an overflow that is none");
            expect(got.error != errc::dead || begun.unheld || freed > begun.freed || held() == 0,
                   "called dead although it was held throughout");
            freed_by_undo += got.undo == crossing::zero;
            reached(got.undo);
        }
    }

    void run(act a) {
        if (!allowed(a)) return;
        // Live throughout, whatever happens in between: nobody is there to interrupt, or the evidence holds.
        const bool alone = interrupt::inside || (interrupt::countdown < 0 && interrupt::gap < 0);
        switch (a) {
            case act::get:
                ++reserved;
                c.get();
                --reserved;
                ++refs;
                break;
            case act::try_get: {
                const moment begun = now();
                grabbed(c.try_get(), refs, alone && held() > 0, begun);
                break;
            }
            case act::try_get_held: {
                ++reserved;
                grabbed(c.try_get_held(), refs, true, now());
                --reserved;
                break;
            }
            case act::put:
                --refs;
                reached(c.put());
                break;
            case act::init:
                owned = false;
                c.init(1);
                ++refs, ++lives;
                break;
            case act::freeze:
                ++reserved;
                if (c.freeze(1)) {
                    expect(refs == 1 && pins == 0, "frozen while held");
                    refs = 0, owned = true, ++freed;
                }
                --reserved;
                break;
            case act::unfreeze:
                owned = false;
                c.unfreeze(2);
                refs += 2, ++lives;
                break;
            default: run_pins(a, alone);
        }
    }

    void run_pins(act a, bool alone) {
        if constexpr (has_pins) {
            if (a == act::try_pin) {
                const bool was_blocked = blocked;
                const moment begun = now();
                const auto got = c.try_pin();
                if (alone) expect(!(got && was_blocked), "pinned although pins are blocked");
                if (alone && was_blocked) expect(got.error == errc::pins_blocked, "another reason than blocked");
                grabbed(got, pins, alone && held() > 0 && !was_blocked && !unblocking, begun);
                expect(!(got && blocked), "a pin is granted and pins are blocked");
            } else if (a == act::try_pin_held) {
                ++reserved;
                const bool was_blocked = blocked;
                const auto got = c.try_pin_held();
                grabbed(got, pins, alone && !was_blocked && !unblocking, now());
                --reserved;
                expect(!(got && blocked), "a pin is granted and pins are blocked");
            } else if (a == act::unpin) {
                --pins;
                reached(c.unpin());
            }
            if constexpr (pinfold::count_traits<P>::can_block) {
                if (a == act::block) {
                    ++reserved;  // the blocker's evidence, until it unblocks
                    if (c.block_pins()) {
                        expect(pins == 0, "blocked while pinned");
                        blocked = true;
                    } else {
                        --reserved;
                    }
                } else if (a == act::unblock) {
                    blocked = false, unblocking = true;
                    reached(c.unblock_pins());
                    unblocking = false;
                    --reserved;
                }
            }
        }
    }

    /// At rest the words say exactly what is held, and the dead head is dead.
    void settle() {
        using traits = pinfold::count_traits<P>;
        const int unit = has_pin_word ? 1 : static_cast<int>(traits::pin_unit);
        expect(warned::times == 0, "a warning about nothing");
        expect(lives == freed + !owned, "lives and frees do not balance");
        if (owned) {
            expect(c.is_dead() && c.raw() == traits::dead_value, "dead, and the word says otherwise");
            return;
        }
        expect(held() > 0, "live, held by nobody, and nobody frees it");
        if (blocked && !has_pin_word) {
            expect(c.refs() == refs, "the references of a blocked head are wrong");
        } else {
            expect(c.raw() == refs + pins * unit, "the word is not what is held");
        }
        if constexpr (has_pins) {
            if (pins > 0) expect(static_cast<bool>(c.maybe_pinned()), "pinned, and the answer is no (INV-4)");
        }
    }

    /// A state of the given holders, reached by ordinary steps.
    void build(bool live, int r, int k, bool block) {
        if (!live) return;
        run(act::init);
        for (int i = 0; i < k; ++i) run(act::try_pin);
        while (refs < r) run(act::get);
        if (r == 0) run(act::put);
        if (block) run(act::block);
    }
};

struct start {
    bool live;
    int refs, pins;
    bool blocked;
};
constexpr start starts[] = {{false, 0, 0, false}, {true, 1, 0, false}, {true, 2, 0, false}, {true, 0, 1, false},
                            {true, 1, 1, false},  {true, 0, 2, false}, {true, 1, 0, true},  {true, 2, 0, true}};

template <class P>
void interrupt_everything() {
    pinfold::set_violation_handler([](const char*, const char*, int) noexcept { ++warned::times; });
    long runs = 0, interrupted = 0, wrong = 0, frees_by_undo = 0;
    std::string first;
    constexpr int acts = static_cast<int>(act::count);
    for (const start& s : starts) {
        for (int outer = 0; outer < acts; ++outer) {
            for (int at = 0; at < 8; ++at) {
                bool reached_access = false;
                // Three operations at one access, or two and then one.
                for (int gap = -1; gap < 3; ++gap) {
                    for (int code = 0; code < acts * acts * acts; ++code) {
                        const std::array<act, 3> inner{static_cast<act>(code % acts), static_cast<act>(code / acts % acts),
                                                       static_cast<act>(code / acts / acts)};
                        world<P> w;
                        warned::times = 0;
                        interrupt::countdown = interrupt::gap = -1;
                        w.build(s.live, s.refs, s.pins, s.blocked);
                        if (!w.allowed(static_cast<act>(outer))) break;
                        bool came = false;
                        interrupt::then = [&](int time) {
                            came = true;
                            if (gap < 0 || time == 0) w.run(inner[0]), w.run(inner[1]);
                            if (gap < 0 || time == 1) w.run(inner[2]);
                        };
                        interrupt::countdown = at;
                        interrupt::gap = gap;
                        w.run(static_cast<act>(outer));
                        interrupt::countdown = interrupt::gap = -1;
                        reached_access = reached_access || came;
                        w.settle();
                        ++runs, interrupted += came;
                        frees_by_undo += w.freed_by_undo;
                        if (!w.wrong.empty() && ++wrong <= 5)
                            first += w.wrong + ": " + names[outer] + " with " + std::to_string(s.refs) + " refs, " +
                                     std::to_string(s.pins) + " pins" + (s.blocked ? ", blocked" : "") +
                                     (s.live ? "" : ", dead") + ", interrupted at access " + std::to_string(at) + " by " +
                                     names[int(inner[0])] + ", " + names[int(inner[1])] +
                                     (gap < 0 ? ", " : ", and " + std::to_string(gap) + " accesses later by ") +
                                     names[int(inner[2])] + "\n";
                        if (!came) break;  // it has fewer accesses
                    }
                }
                if (!reached_access) break;
            }
        }
    }
    pinfold::set_violation_handler(nullptr);
    INFO(first);
    CHECK(wrong == 0);
    CHECK(interrupted > 10000);
    // Elsewhere a refused grab writes nothing.
    CHECK((frees_by_undo > 0) == (P::liveness::optimistic || pinfold::count_traits<P>::has_pin_word));
}

}  // namespace

TEST_CASE("overlay pins survive every interruption under sticky_dead") {
    interrupt_everything<policy<pinfold::overlay_pins<8>, pinfold::sticky_dead>>();
}
TEST_CASE("overlay pins survive every interruption under sticky_dead with a load first") {
    interrupt_everything<policy<pinfold::overlay_pins<8>, pinfold::sticky_dead_load_test>>();
}
TEST_CASE("overlay pins survive every interruption under zero_is_dead") {
    interrupt_everything<policy<pinfold::overlay_pins<8>, pinfold::zero_is_dead>>();
}
TEST_CASE("exact pins survive every interruption") {
    SECTION("sticky_dead") { interrupt_everything<policy<pinfold::exact_pins, pinfold::sticky_dead>>(); }
    SECTION("zero_is_dead") { interrupt_everything<policy<pinfold::exact_pins, pinfold::zero_is_dead>>(); }
}
TEST_CASE("split words survive every interruption") {
    SECTION("sticky_dead") { interrupt_everything<policy<pinfold::split_word_pins<>, pinfold::sticky_dead>>(); }
    SECTION("zero_is_dead") { interrupt_everything<policy<pinfold::split_word_pins<>, pinfold::zero_is_dead>>(); }
}
TEST_CASE("references survive every interruption") {
    SECTION("sticky_dead") { interrupt_everything<policy<pinfold::no_pins, pinfold::sticky_dead>>(); }
    SECTION("zero_is_dead") { interrupt_everything<policy<pinfold::no_pins, pinfold::zero_is_dead>>(); }
}
