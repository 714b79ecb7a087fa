// SPDX-License-Identifier: BSL-1.0
// Histories of holders that keep their promises, on a page alone and a block of two, with release hooks, statistics and
// owners: what the words say is what the ledger says, and every life ends once.
#pragma once

#include <pinfold/pinfold.hpp>

#include <array>
#include <type_traits>
#include <vector>

#include "bytes.hpp"
#include "heard.hpp"

namespace fuzz {

struct large_one {
    template <class Page>
    bool operator()(const Page& page) const noexcept {
        return page.large;
    }
};

template <class Value, class Pins, class Liveness, class Overflow, pinfold::budget Budget, bool Blocks = false>
struct any_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<Value>;
    using pins = Pins;
    using liveness = Liveness;
    using overflow = Overflow;
    using warnings = heard;
    static constexpr bool blocks_pins = Blocks;
    static constexpr pinfold::budget budget = Budget;
};

template <class C>
struct frame {
    pinfold::count<C> count;
    pinfold::atomic_word<std::intptr_t> link;
    bool large = false;
    int freed = 0;
    struct pinfold_policy;
};
template <class C>
void give_back(frame<C>& f) noexcept {
    ++f.freed;
}
/// Pins of all frames: acquired minus released.
struct pin_balance {
    static inline std::int64_t pins = 0;
    template <class Page>
    static void acquired(const Page&, std::uint64_t n) noexcept { pins += static_cast<std::int64_t>(n); }
    template <class Page>
    static void released(const Page&, std::uint64_t n) noexcept { pins -= static_cast<std::int64_t>(n); }
};
template <class C>
struct frame<C>::pinfold_policy : pinfold::page_defaults<&frame<C>::count> {
    using head = pinfold::tagged_head<&frame<C>::link>;
    using release = pinfold::free_at_zero<&give_back<C>>;
    using statistics = pin_balance;
};

template <class C>
class history {
    using page = frame<C>;
    using ops = pinfold::page_ops<page>;
    using traits = pinfold::count_traits<C>;
    using errc = pinfold::errc;

    struct ledger {
        long refs = 1, pins = 0;
        bool blocked = false;
        int deaths = 0;
        [[nodiscard]] long held() const noexcept { return refs + pins; }
    };

public:
    void run(bytes& in) {
        pin_balance::pins = 0;
        pinfold::page_ops<page>::policy::head::make_tail(frames_[1], frames_[0]);
        frames_[0].large = true;
        frames_[0].count.init();
        frames_[2].count.init();
        while (!in.empty()) {
            step(in);
            for (unsigned b = 0; b < 2; ++b) look(frames_[b * 2], book_[b]);
            FUZZ_CHECK(pin_balance::pins == book_[0].pins + book_[1].pins);
        }
        finish();
    }

private:
    static constexpr long most_refs = static_cast<long>(C::budget.holders) * C::budget.refs_each;
    static constexpr long most_pins = static_cast<long>(C::budget.holders) * C::budget.pins_each;

    /// Units of one pin in the head word.
    [[nodiscard]] static long unit(const page& head) noexcept {
        const bool own_word = traits::form == pinfold::pin_form::exact ||
                              (traits::form == pinfold::pin_form::hybrid && head.large);
        return own_word ? 1 : static_cast<long>(traits::pin_unit);
    }

    void step(bytes& in) {
        const unsigned which = in.below(3), what = in.below(14);
        page* const p = &frames_[which];
        page& head = frames_[which / 2 * 2];
        ledger& l = book_[which / 2];
        // One too many, sometimes; trap would end the program.
        const long n = 1 + static_cast<long>(in.below(C::budget.batch + (traits::overflow != pinfold::overflow_rule::trap)));
        const auto many = static_cast<std::uint64_t>(n);
        const bool oversized = n > static_cast<long>(C::budget.batch);
        const errc dead_or = l.held() == 0 ? errc::dead : errc::ok;
        const bool room = l.refs + n <= most_refs && !(l.blocked && unit(head) > 1 && l.refs + n >= unit(head));
        const pinfold::held evidence = pinfold::held::assumed();
        switch (what) {
            case 0:
                if (room) taken(ops::try_get(p, many), oversized ? errc::batch_limit : dead_or, l.refs, n);
                break;
            case 1:
                if (room && l.held() > 0)
                    taken(ops::try_get_held(evidence, p, many), oversized ? errc::batch_limit : errc::ok, l.refs, n);
                break;
            case 2:
                if (room && l.held() > 0 && !oversized) ops::get(evidence, p, many), l.refs += n;
                break;
            case 3:
                // Somebody's reference is the evidence of who blocked the pins.
                if (l.refs - n >= (l.blocked ? 1 : 0) && free_refs(which) >= n) ops::put(p, many), dropped(l, l.refs, n);
                break;
            case 4:
                if (l.held() == 0) head.count.init(1), l.refs = 1;
                break;
            case 5: freeze(head, l, n); break;
            case 6:
                if (room) own_ref(p, l);
                break;
            case 7:
                if (!refs_.empty()) give_ref();
                break;
            default: pin_step(what, p, head, l, n); break;
        }
    }

    void pin_step(unsigned what, page* p, page& head, ledger& l, long n) {
        if constexpr (traits::has_pins) {
            const auto many = static_cast<std::uint64_t>(n);
            const bool oversized = n > static_cast<long>(C::budget.batch), room = l.pins + n <= most_pins;
            const errc want = oversized       ? errc::batch_limit
                              : l.held() == 0 ? errc::dead
                              : l.blocked     ? errc::pins_blocked
                                              : errc::ok;
            const pinfold::held evidence = pinfold::held::assumed();
            if (what == 8 && room) taken(ops::try_pin(p, many), want, l.pins, n);
            if (what == 9 && room && l.held() > 0) taken(ops::try_pin_held(evidence, p, many), want, l.pins, n);
            if (what == 10 && room && want == errc::ok) ops::pin(evidence, p, many), l.pins += n;
            if (what == 11 && l.pins - n >= owned(pins_, p)) ops::unpin(p, many), dropped(l, l.pins, n);
            if (what == 12 && l.pins < most_pins) {
                errc why{};
                auto owner = pinfold::try_pin(p, why);
                FUZZ_CHECK(why == (l.held() == 0 ? errc::dead : l.blocked ? errc::pins_blocked : errc::ok));
                FUZZ_CHECK(static_cast<bool>(owner) == (why == errc::ok));
                if (owner) pins_.push_back(std::move(owner)), ++l.pins;
            }
            if (what == 13) {
                if (n == 1 && !pins_.empty()) give_pin();
                else block(p, head, l);
            }
        }
    }

    void block(page* p, const page& head, ledger& l) {
        if constexpr (traits::can_block) {
            const pinfold::held evidence = pinfold::held::assumed();
            if (l.blocked) {
                ops::unblock_pins(evidence, p);
                l.blocked = false;
            } else if (l.refs > 0) {
                const bool beside = unit(head) == 1 || l.refs < unit(head);
                const bool blocked = ops::block_pins(evidence, p);
                FUZZ_CHECK(blocked == (l.pins == 0 && beside));
                l.blocked = blocked;
            }
        }
    }

    /// Who freezes takes over what others hold; here that happens only where nobody else has an owner.
    void freeze(page& head, ledger& l, long n) {
        if (l.held() == 0 || l.blocked) return;
        const long exactly = l.refs + l.pins * unit(head);
        if (l.pins == 0 && owned(refs_, &head) == 0) {
            FUZZ_CHECK(head.count.freeze(static_cast<typename traits::value_type>(exactly)));
            FUZZ_CHECK(ops::try_get(&head).error == errc::dead);
            head.count.unfreeze(static_cast<typename traits::value_type>(exactly));
        }
        FUZZ_CHECK(!head.count.freeze(static_cast<typename traits::value_type>(exactly + n)));
    }

    void own_ref(page* p, ledger& l) {
        auto owner = pinfold::try_get(p);
        FUZZ_CHECK(static_cast<bool>(owner) == (l.held() != 0));
        if (owner) refs_.push_back(std::move(owner)), ++l.refs;
    }
    void give_ref() {
        ledger& l = of(refs_.back().get());
        if (l.blocked && l.refs == 1) return;
        refs_.pop_back();
        dropped(l, l.refs, 1);
    }
    void give_pin() {
        ledger& l = of(pins_.back().get());
        pins_.pop_back();
        dropped(l, l.pins, 1);
    }

    void taken(pinfold::outcome got, errc want, long& units, long n) {
        FUZZ_CHECK(got.error == want);
        if (got) units += n;
    }
    void dropped(ledger& l, long& units, long n) {
        units -= n;
        if (l.held() == 0) ++l.deaths;
    }

    [[nodiscard]] ledger& of(const page* p) { return book_[static_cast<std::size_t>(p - frames_.data()) / 2]; }
    template <class Owners>
    [[nodiscard]] long owned(const Owners& owners, const page* p) {
        long n = 0;
        for (const auto& o : owners) n += &of(o.get()) == &of(p);
        return n;
    }
    [[nodiscard]] long free_refs(unsigned which) { return book_[which / 2].refs - owned(refs_, &frames_[which]); }

    void look(page& head, const ledger& l) {
        const long u = unit(head);
        FUZZ_CHECK(head.freed == l.deaths);
        FUZZ_CHECK(head.count.is_dead() == (l.held() == 0));
        // A batch that is too large is refused with a warning; nothing else here deserves one.
        FUZZ_CHECK(heard::seen.negative + heard::seen.saturated + heard::seen.underflow == 0);
        if (l.held() == 0) FUZZ_CHECK(head.count.raw() == traits::dead_value);
        else if (!l.blocked || u == 1) FUZZ_CHECK(head.count.raw() == l.refs + l.pins * u);
        FUZZ_CHECK(ops::refs(&head) == l.refs + (traits::form == pinfold::pin_form::split ? l.pins : l.pins * u));
        if constexpr (traits::has_pins) {
            const bool says = static_cast<bool>(ops::maybe_pinned(&head));
            if (l.pins > 0) FUZZ_CHECK(says);
            if (l.pins == 0 && !l.blocked && (l.refs < u || u == 1)) FUZZ_CHECK(!says);
        }
    }

    void finish() {
        for (unsigned b = 0; b < 2; ++b)
            if (book_[b].blocked) block(&frames_[b * 2], frames_[b * 2], book_[b]);
        while (!pins_.empty()) give_pin();
        while (!refs_.empty()) give_ref();
        for (unsigned b = 0; b < 2; ++b) {
            page* const p = &frames_[b * 2];
            ledger& l = book_[b];
            while (l.refs > 0) ops::put(p), dropped(l, l.refs, 1);
            if constexpr (traits::has_pins)
                while (l.pins > 0) ops::unpin(p), dropped(l, l.pins, 1);
            look(*p, l);
        }
        FUZZ_CHECK(pin_balance::pins == 0);
    }

    std::array<page, 3> frames_;  // 0 and 1 are a block, 2 stands alone
    std::array<ledger, 2> book_;
    std::vector<pinfold::page_ref<page>> refs_;
    std::conditional_t<traits::has_pins, std::vector<pinfold::page_pin<page>>, int> pins_{};
};

template <class C>
void history_of(bytes& in) {
    history<C>().run(in);
}

inline void histories(bytes& in) {
    using namespace pinfold;
    constexpr budget tiny{3, 2, 2, 1}, room{8, 16, 16, 6};
    heard::seen = {};
    // What is broken here, the history broke: it asks for nothing that a caller may not.
    const violation_handler before = set_violation_handler([](const char* condition, const char* file, int line) noexcept {
        wrong(condition, file, line);
    });
    switch (in.below(8)) {
        case 0: history_of<any_count<signed char, overlay_pins<8>, zero_is_dead, refuse, tiny, true>>(in); break;
        case 1: history_of<any_count<signed char, overlay_pins<2>, sticky_dead, refuse, tiny>>(in); break;
        case 2: history_of<any_count<signed char, exact_pins, sticky_dead_load_test, refuse, tiny>>(in); break;
        case 3: history_of<any_count<std::int16_t, hybrid_pins<large_one{}, 16>, sticky_dead, refuse, room>>(in); break;
        case 4: history_of<any_count<std::int32_t, overlay_pins<1024>, sticky_dead, refuse, room, true>>(in); break;
        case 5: history_of<any_count<std::int32_t, hybrid_pins<large_one{}, 1024>, zero_is_dead, trap, room, true>>(in); break;
        case 6: history_of<any_count<std::int64_t, split_word_pins<32>, sticky_dead, refuse, room, true>>(in); break;
        default: history_of<any_count<std::int32_t, overlay_pins<1024>, zero_is_dead, saturate, room>>(in); break;
    }
    (void)set_violation_handler(before);
}

}  // namespace fuzz
