// SPDX-License-Identifier: BSL-1.0
// Mutants of the counting steps that one thread can show.
#include "faulty_count.hpp"
#include "table.hpp"

namespace mutants {

namespace laws = check::laws;

/// The sign is not looked at on the way up.
struct no_sign_test : correct {
    template <class C, class V>
    static bool is_refused(V) {
        return false;
    }
};
/// The overflow bit of a 32-bit word, looked for in whatever width the word has.
struct unshifted_mask : correct {
    template <class C, class V>
    static bool is_refused(V v) {
        return (static_cast<std::uint32_t>(static_cast<typename C::traits::unsigned_type>(v)) & 0x8000'0000u) != 0;
    }
};
/// A pin is eight times as large as the policy says: holders times bias leave the word.
struct larger_bias : correct {
    template <class C>
    static constexpr std::uint64_t unit() {
        return C::traits::pin_unit * 8;
    }
};
/// A pin is a reference that is turned into a pin by adding the bias, instead of the bias less one.
struct bias_too_many : correct {
    template <class C>
    static outcome try_pin(C& c, std::uint64_t n) {
        const outcome got = C::fault::raise(c, 1);
        if (got) c.words.adjust(static_cast<typename C::value_type>(n * C::traits::pin_unit));
        return got;
    }
};
/// DEF-10: a pin is counted as a plain reference.
struct reference_for_a_pin : correct {
    template <class C>
    static outcome try_pin(C& c, std::uint64_t n) {
        return C::fault::raise(c, static_cast<typename C::value_type>(n));
    }
};
/// DEF-16: the comparison of the pinned test is signed.
struct signed_comparison : correct {
    template <class C, class V>
    static pinfold::pinned pinned(V raw) {
        return raw >= static_cast<V>(C::traits::pin_unit) ? pinfold::pinned::maybe : pinfold::pinned::no;
    }
};
/// The pinned test is off by one.
struct later_pinned : correct {
    template <class C, class V>
    static pinfold::pinned pinned(V raw) {
        return raw > static_cast<V>(C::traits::pin_unit) + 1 || raw < 0 ? pinfold::pinned::maybe : pinfold::pinned::no;
    }
};
/// The pinned test says yes as soon as there are two references.
struct nervous : correct {
    template <class C, class V>
    static pinfold::pinned pinned(V raw) {
        return raw > 1 || raw < 0 ? pinfold::pinned::maybe : pinfold::pinned::no;
    }
};
/// Many references are taken for a pin, and no doubt is left.
struct too_sure : correct {
    template <class C, class V>
    static pinfold::pinned pinned(V raw) {
        const auto answer = correct::pinned<C>(raw);
        return answer || raw > 2 ? pinfold::pinned::certainly : answer;
    }
};
/// DEF-18: the product of a batch is computed in the width of the word, and only its sign is looked at.
struct narrow_product : correct {
    template <class C>
    static bool batch_is_too_large(std::uint64_t n, std::uint64_t unit) {
        return static_cast<typename C::value_type>(n * unit) < 0;
    }
};
/// Freezing accepts whatever is at least the expected value.
struct generous_freeze : correct {
    template <class C>
    static bool freeze(C& c, typename C::value_type expected) {
        auto seen = c.words.load();
        return seen >= expected && c.words.swap_if(seen, C::traits::dead_value);
    }
};
/// A batch of pins given back counts as one.
struct one_for_many : correct {
    template <class C>
    static crossing unpin(C& c, std::uint64_t) {
        return C::fault::drop(c, static_cast<typename C::value_type>(C::traits::pin_unit));
    }
};
/// A release that reaches one reports the end.
struct early_zero : correct {
    template <class C>
    static crossing drop(C& c, typename C::value_type u) {
        return c.words.drop_fetch(u) <= 1 ? crossing::zero : crossing::none;
    }
};
/// A page that died is born with one unit too many.
struct twice_born : correct {
    template <class C>
    static void revive(C& c, typename C::value_type v) {
        correct::revive(c, static_cast<typename C::value_type>(v + (c.words.load() != C::traits::dead_value ? 0 : 1)));
    }
};
/// An undo that forgets the units: a refused grab stays in the word.
struct no_undo : correct {
    template <class C>
    static crossing undo(C&, typename C::value_type) {
        return crossing::none;
    }
};

}  // namespace mutants

using namespace mutants;

TEST_CASE("written without a fault, the count of the mutants keeps every law") {
    for (const auto& r : {check::check_policy<sticky, with_count<correct>, check::counting | check::threads>("sticky"),
                          check::check_policy<linux_like, with_count<correct>, check::counting | check::threads>("linux")}) {
        INFO(r.text());
        CHECK(r.passed());
    }
    const auto r = check::check_policy<narrow, with_count<correct>, check::counting>("narrow");
    INFO(r.text());
    CHECK(r.passed());
}

TEST_CASE("mutants of counting are rejected by one thread") {
    constexpr unsigned part = check::counting;
    rejected<sticky, with_count<no_sign_test>, part>("increment without the overflow check", laws::dead_refuses);
    rejected<linux_like, with_count<no_sign_test>, part>("the same under zero_is_dead", laws::budget_passed);
    rejected<narrow, with_count<unshifted_mask>, part>("overflow mask unshifted on 8 bits", laws::dead_refuses);
    rejected<narrow, with_count<larger_bias>, part>("bias x holders overflow the word", laws::budget_reached);
    rejected<sticky, with_count<bias_too_many>, part>("+BIAS where BIAS-1 is owed", laws::inverse);
    rejected<sticky, with_count<reference_for_a_pin>, part>("DEF-10 plain reference for a pin", laws::inverse);
    rejected<sticky, with_count<signed_comparison>, part>("DEF-16 signed comparison of the pinned test", laws::no_false_negative);
    rejected<sticky, with_count<later_pinned>, part>("pinned test off by one", laws::no_false_negative);
    rejected<sticky, with_count<nervous>, part>("pinned test at two references", laws::no_idle_alarm);
    rejected<sticky, with_count<too_sure>, part>("certainly without a pin", laws::certainly);
    rejected<sticky, with_count<narrow_product>, part>("DEF-18 n x BIAS in the width of the word", laws::batch_bound);
    rejected<sticky, with_count<generous_freeze>, part>("freeze at any value large enough", laws::freeze_excludes);
    rejected<sticky, with_count<one_for_many>, part>("n pins given back as one", laws::n_fold);
    rejected<linux_like, with_count<early_zero>, part>("zero reported at one", laws::last_release);
    rejected<sticky, with_count<twice_born>, part>("a second life with one unit too many", laws::second_life);
    rejected<sticky, with_count<no_undo>, part>("a refused grab stays in the word", laws::every_word);
}
