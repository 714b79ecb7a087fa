// SPDX-License-Identifier: BSL-1.0
// Breadth-first through everything three holders can do to one 8-bit head: take and give references and pins, let it
// die, freeze it, block its pins, bring it to life again. Every state that can be reached is visited once.
#include <catch2/catch.hpp>

#include <pinfold/count/count.hpp>
#include <pinfold/policy/exact_pins.hpp>
#include <pinfold/policy/hybrid_pins.hpp>
#include <pinfold/policy/no_pins.hpp>
#include <pinfold/policy/split_word_pins.hpp>
#include <pinfold/policy/zero_is_dead.hpp>
#include <pinfold/word/unsync_word.hpp>

#include <array>
#include <deque>
#include <set>
#include <string>
#include <tuple>

namespace {

using pinfold::crossing;
using pinfold::errc;

constexpr int holders = 3;
constexpr int each = 2;  // references, and pins, of one holder

struct no_warning {
    static inline int times = 0;
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++times; }
};

struct frame {
    bool large;
};
bool is_large(const frame& f) noexcept { return f.large; }

template <class Pins, class Liveness>
struct policy : pinfold::count_defaults {
    using word = pinfold::unsync_word<signed char>;
    using pins = Pins;
    using liveness = Liveness;
    using warnings = no_warning;
    static constexpr bool blocks_pins = Pins::form != pinfold::pin_form::exact && Pins::form != pinfold::pin_form::none;
    static constexpr pinfold::budget budget{holders, each, each, 1};
};

struct position {
    int raw, pin;
    std::array<int, holders> refs, pins;
    bool owned, blocked;
    auto key() const { return std::tie(raw, pin, refs, pins, owned, blocked); }
    bool operator<(const position& o) const { return key() < o.key(); }
    int references() const { return refs[0] + refs[1] + refs[2]; }
    int pinned() const { return pins[0] + pins[1] + pins[2]; }
    int held() const { return references() + pinned(); }
};

template <class P, bool Large = false>
class explorer {
    using count = pinfold::count<P>;
    using traits = typename count::traits;

public:
    void run() {
        count fresh;
        visit({fresh.raw(), 0, {}, {}, true, false});
        while (!open_.empty() && wrong_.empty()) {
            const position p = open_.front();
            open_.pop_front();
            expand(p);
        }
        INFO(wrong_);
        CHECK(wrong_.empty());
        CHECK(seen_.size() >= 27);  // every distribution of references, and death
        CHECK(deaths_ > 0);
        CHECK(no_warning::times == 0);
    }

private:
    static constexpr int unit = Large || traits::form == pinfold::pin_form::exact || !traits::has_pins
                                    ? 1 : static_cast<int>(traits::pin_unit);

    /// Where references and pins share a word, pins are blocked beside fewer references than a pin has units.
    static constexpr bool too_many(int references) { return unit > 1 && references >= unit; }

    void expand(const position& p) {
        if (p.owned) {
            step(p, "init", [](count& c, position& q) { c.init(1), q.owned = false, q.refs[0] = 1; });
            step(p, "unfreeze", [](count& c, position& q) { c.unfreeze(2), q.owned = false, q.refs = {1, 1, 0}; });
        }
        for (unsigned h = 0; h < holders; ++h) {
            if (p.refs[h] < each && !(p.blocked && too_many(p.references() + 1))) {
                step(p, "try_get", [&](count& c, position& q) { grant(c.try_get(), q.refs[h], p.held() > 0 ? errc::ok : errc::dead); });
                if (p.held() > 0) {
                    step(p, "try_get_held", [&](count& c, position& q) { grant(c.try_get_held(), q.refs[h], errc::ok); });
                    step(p, "get", [&](count& c, position& q) { c.get(), ++q.refs[h]; });
                }
            }
            // While pins are blocked somebody's reference is the blocker's evidence.
            if (p.refs[h] > 0 && !(p.blocked && p.references() == 1))
                step(p, "put", [&](count& c, position& q) { --q.refs[h], released(c.put(), q); });
            if constexpr (traits::has_pins) {
                const errc why = p.held() == 0 ? errc::dead : p.blocked ? errc::pins_blocked : errc::ok;
                if (p.pins[h] < each) {
                    step(p, "try_pin", [&](count& c, position& q) { grant(c.try_pin(1, Large), q.pins[h], why); });
                    if (p.held() > 0) {
                        step(p, "try_pin_held", [&](count& c, position& q) { grant(c.try_pin_held(1, Large), q.pins[h], why); });
                        if (!p.blocked) step(p, "pin", [&](count& c, position& q) { c.pin(1, Large), ++q.pins[h]; });
                    }
                }
                if (p.pins[h] > 0)
                    step(p, "unpin", [&](count& c, position& q) { --q.pins[h], released(c.unpin(1, Large), q); });
            }
        }
        for (int expected = 1; expected <= 3; ++expected) {
            if (p.blocked) break;
            step(p, "freeze", [&](count& c, position& q) {
                const int exactly = p.references() + p.pinned() * unit;
                const bool frozen = c.freeze(static_cast<signed char>(expected));
                expect(frozen == (exactly == expected), "freeze");
                // Exactly one reference and no pin: the freezer's own. With more it took over what others hold.
                if (frozen) q.refs = {}, q.pins = {}, q.owned = true;
            }, p.held() > 0 && (expected != 1 || p.pinned() > 0));
        }
        if constexpr (traits::can_block) {
            if (!p.blocked && p.references() > 0)
                step(p, "block_pins", [&](count& c, position& q) {
                    const bool blocked = c.block_pins(Large);
                    expect(blocked == (p.pinned() == 0 && !too_many(p.references())), "block_pins");
                    q.blocked = blocked;
                });
            if (p.blocked) step(p, "unblock_pins", [&](count& c, position& q) { q.blocked = false, released(c.unblock_pins(Large), q); });
        }
    }

    template <class Op>
    void step(const position& p, const char* name, Op op, bool forget = false) {
        count c;
        c.set_raw(static_cast<signed char>(p.raw), static_cast<signed char>(p.pin));
        position q = p;
        op(c, q);
        q.raw = c.raw();
        if constexpr (traits::has_pin_word)
            q.pin = static_cast<signed char>(reinterpret_cast<const unsigned char*>(&c)[0]);
        if (!forget) check(c, q);
        if (!wrong_.empty() && wrong_.find('(') == std::string::npos)
            wrong_ += std::string(" (") + name + " with " + std::to_string(p.references()) + " refs, " +
                      std::to_string(p.pinned()) + " pins, raw " + std::to_string(p.raw) + ")";
        if (!forget) visit(q);
    }
    void visit(const position& q) {
        if (seen_.insert(q).second) open_.push_back(q);
    }

    void grant(pinfold::outcome got, int& mine, errc want) {
        expect(got.error == want, "another answer");
        expect(got.undo == crossing::none, "a refusal that frees although nobody interfered");
        if (got) ++mine;
    }
    void released(crossing reached, position& q) {
        expect((reached == crossing::zero) == (q.held() == 0), "freed while held, or not freed by the last holder");
        expect(!q.owned, "freed twice");
        if (reached == crossing::zero) q.owned = true, ++deaths_;
    }
    /// The words, and every question about them, say what the bookkeeping says.
    void check(const count& c, const position& q) {
        if (q.held() > 0 && !q.owned) {
            expect(!c.is_dead(), "held, and dead");
            expect(c.refs() == q.references() + q.pinned() * (traits::form == pinfold::pin_form::split ? 1 : unit), "refs()");
            if (!q.blocked) expect(c.raw() == q.references() + q.pinned() * unit, "the word is not what is held");
        } else {
            expect(c.is_dead() && c.refs() == 0 && c.raw() == traits::dead_value, "nobody holds it, and it is not dead");
        }
        if constexpr (traits::has_pins) {
            const bool says = static_cast<bool>(c.maybe_pinned(Large));
            if (q.pinned() > 0) expect(says, "pinned, and the answer is no");
            if (q.pinned() == 0 && !q.blocked && q.references() < unit) expect(!says, "not pinned, few references, and the answer is maybe");
            if constexpr (traits::form == pinfold::pin_form::exact || traits::form == pinfold::pin_form::split)
                expect(c.pins() == q.pinned(), "pins()");
        }
    }
    void expect(bool ok, const char* what) {
        if (!ok && wrong_.empty()) wrong_ = what;
    }

    std::set<position> seen_;
    std::deque<position> open_;
    std::string wrong_;
    long deaths_ = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("no history of three holders frees early, twice or never", "", pinfold::zero_is_dead, pinfold::sticky_dead,
                   pinfold::sticky_dead_load_test) {
    using namespace pinfold;
    SECTION("overlay") { explorer<policy<overlay_pins<8>, TestType>>().run(); }
    SECTION("overlay of the smallest bias") { explorer<policy<overlay_pins<2>, TestType>>().run(); }
    SECTION("exact") { explorer<policy<exact_pins, TestType>>().run(); }
    SECTION("hybrid, small") { explorer<policy<hybrid_pins<&is_large, 8>, TestType>>().run(); }
    SECTION("hybrid, large") { explorer<policy<hybrid_pins<&is_large, 8>, TestType>, true>().run(); }
    SECTION("no pins") { explorer<policy<no_pins, TestType>>().run(); }
}
TEST_CASE("no history of three holders of a split word frees early, twice or never") {
    using namespace pinfold;
    // 12 references at most need 4 bits, which leaves 7 pins under zero_is_dead: a unit is 17.
    explorer<policy<split_word_pins<4>, zero_is_dead>>().run();
}
