// SPDX-License-Identifier: BSL-1.0
// Counts beside the pages, changed in groups: whatever the words are, the result is that of one page after the other.
#include <catch2/catch.hpp>

#include <pinfold/policy/packed_counts.hpp>
#include <pinfold/range.hpp>
#include <pinfold/range/packed.hpp>

#include <array>
#include <random>
#include <vector>

namespace range_packed {

using namespace pinfold;

namespace {

constexpr std::size_t pages = 80;

/// What a page was told, in the order in which it was told.
struct tale {
    int freed = 0, idle = 0, dirtied = 0;
    std::uint64_t acquired = 0, released = 0, granted = 0, returned = 0;
    int early = 0;  // lowered before the release was announced
    friend bool operator==(const tale&, const tale&) = default;
};
int warned = 0;
struct counted_warnings {
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++warned; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++warned; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++warned; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++warned; }
};

template <class Word, class Pins, class Liveness, class Overflow>
struct counting : count_defaults {
    using word = Word;
    using pins = Pins;
    using liveness = Liveness;
    using overflow = Overflow;
    using warnings = counted_warnings;
};
using word32 = atomic_word<std::int32_t>;
using by_default = counting<word32, overlay_pins<>, sticky_dead, refuse>;
using load_tested = counting<word32, overlay_pins<>, sticky_dead_load_test, refuse>;
using by_linux = counting<word32, overlay_pins<>, zero_is_dead, refuse>;
using saturating = counting<word32, overlay_pins<>, zero_is_dead, saturate>;
using unlooked = counting<word32, overlay_pins<>, zero_is_dead, unchecked_overflow>;
using exact = counting<word32, exact_pins, sticky_dead, refuse>;
using plain = counting<unsync_word<std::int32_t>, overlay_pins<>, sticky_dead, refuse>;
using plain_linux = counting<unsync_word<std::int32_t>, overlay_pins<>, zero_is_dead, refuse>;
using wide = counting<atomic_word<std::int64_t>, split_word_pins<>, sticky_dead, refuse>;

enum class ends { at_zero, at_one, by_page };

template <class C, ends Ends>
struct world {
    struct policy;
    struct page {
        tale t;
        bool device = false, exempt = false;
        using pinfold_policy = typename world::policy;
    };

    static inline std::array<page, pages> all;
    alignas(64) static inline std::array<count<C>, pages> counts;
    static page* first_page() noexcept { return all.data(); }
    static count<C>* first_count() noexcept { return counts.data(); }
    static count<C>& count_of(const page& p) noexcept { return counts[static_cast<std::size_t>(&p - all.data())]; }

    static void free_page(page& p) noexcept { ++p.t.freed; }
    static void wake(page& p) noexcept { ++p.t.idle; }
    static bool is_device(const page& p) noexcept { return p.device; }
    static bool is_exempt(const page& p) noexcept { return p.exempt; }
    static void mark(page& p) noexcept { ++p.t.dirtied; }
    struct always {
        static bool on() noexcept { return true; }
    };
    static auto release_of() {
        using zero = free_at_zero<&free_page>;
        using one = on_release<idle_at_one<&wake>, zero>;
        if constexpr (Ends == ends::at_zero)
            return zero{};
        else if constexpr (Ends == ends::at_one)
            return one{};
        else
            return by_kind<always, &is_device, one, zero>{};
    }
    struct told {
        static void acquired(const page& p, std::uint64_t n) noexcept { const_cast<page&>(p).t.acquired += n; }
        static void released(const page& p, std::uint64_t n) noexcept {
            tale& t = const_cast<page&>(p).t;
            t.released += n;
            t.early += t.freed;
        }
        static void granted(const page& p, hold_kind, std::uint64_t n) noexcept { const_cast<page&>(p).t.granted += n; }
        static void returning(const page& p, hold_kind, std::uint64_t n) noexcept {
            const_cast<page&>(p).t.returned += n;
        }
    };

    using state = std::vector<std::int64_t>;
    static void set(const state& words, int pins = 3) {
        for (std::size_t i = 0; i < pages; ++i) {
            counts[i].set_raw(static_cast<typename C::word::value_type>(words[i]), pins);
            all[i].t = {};
        }
        warned = 0;
    }
    struct outcome_of_all {
        state words;
        std::vector<tale> tales;
        int warned;
        std::size_t done;
        errc error;
        friend bool operator==(const outcome_of_all&, const outcome_of_all&) = default;
    };
    static outcome_of_all look(detail::grab_progress p) {
        outcome_of_all o{{}, {}, warned, p.done, p.error};
        for (std::size_t i = 0; i < pages; ++i) {
            o.words.push_back(counts[i].raw());
            o.tales.push_back(all[i].t);
        }
        return o;
    }
};
template <class C, ends Ends>
struct world<C, Ends>::policy : packed_counts<&world::first_page, &world::first_count> {
    using release = decltype(world::release_of());
    using exempt = exempt_if<&world::is_exempt>;
    using dirtying = dirty_with<&world::mark>;
    using statistics = told;
    using trace = told;
};

/// Words at and around every value at which counting decides anything, and ordinary ones, which are the most.
template <class C>
std::int64_t any_word(std::mt19937& roll, bool to_be_dropped) {
    using traits = count_traits<C>;
    const auto unit = static_cast<std::int64_t>(traits::pin_unit);
    const std::int64_t top = traits::max_value;
    const std::array<std::int64_t, 5> living{unit, unit + 1, unit + 2, top - unit, top};
    const std::array<std::int64_t, 9> any{traits::dead_value, traits::dead_value + unit, traits::dead_value + 1, 0, 1, -1,
                                          -unit, -unit - 1, top - unit + 1};
    if (roll() % 16 != 0) return 2 * unit + static_cast<std::int64_t>(roll() % 1000);
    return to_be_dropped || roll() % 2 != 0 ? living[roll() % living.size()] : any[roll() % any.size()];
}

/// Random words, runs and exempt pages: Group against one page after the other.
template <class C, ends Ends, class Group, bool Pins>
void compare(int rounds) {
    using world = world<C, Ends>;
    using page = typename world::page;
    using ops = page_ops<page>;
    using hold = std::conditional_t<Pins, typename ops::pinning, typename ops::reference>;
    using run = detail::packed_run<Group, hold, page>;
    std::mt19937 roll(7);
    int refused = 0, crossed = 0;
    for (int round = 0; round < rounds; ++round) {
        const bool drops = round % 3 == 0;
        const bool under_evidence = round % 3 == 1;
        typename world::state words(pages);
        for (auto& w : words) w = any_word<C>(roll, drops || under_evidence);
        for (auto& p : world::all) {
            p.exempt = roll() % 64 == 0;
            p.device = roll() % 3 == 0;
        }
        const std::size_t from = roll() % 9;
        const std::size_t n = roll() % (pages - from + 1);
        page* const first = &world::all[from];

        world::set(words);
        detail::grab_progress together{n, errc::ok};
        if (drops)
            run::drop(first, n);
        else if (under_evidence)
            run::grab(first, n);
        else
            together = run::try_grab(first, n);
        const auto result = world::look(together);

        world::set(words);
        detail::grab_progress apart{n, errc::ok};
        for (std::size_t i = 0; i < n; ++i) {
            if (drops) {
                if (!hold::is_exempt(first[i])) ops::template drop_head<hold>(first + i, 1);
            } else if (under_evidence) {
                Pins ? ops::pin(held::assumed(), first + i) : ops::get(held::assumed(), first + i);
            } else if (const outcome got = Pins ? ops::try_pin(first + i) : ops::try_get(first + i); !got) {
                apart = {i, got.error};
                break;
            }
        }
        const auto expected = world::look(apart);
        refused += apart.error != errc::ok;
        for (const tale& t : expected.tales) crossed += t.freed + t.idle;
        if (result != expected) {
            CAPTURE(round, from, n, drops, together.done, apart.done);
            CHECK(result.words == expected.words);
            CHECK(result.warned == expected.warned);
            CHECK(result.error == expected.error);
            for (std::size_t i = 0; i < pages; ++i) {
                CAPTURE(i, words[i]);
                CHECK(result.tales[i] == expected.tales[i]);
            }
            REQUIRE(result == expected);
        }
    }
    CHECK(refused > 0);
    CHECK((crossed > 0 || !Pins));  // both happened, or the comparison said little
}

template <class C, ends Ends, class Group>
void compare_both(int rounds = 300) {
    compare<C, Ends, Group, true>(rounds);
    compare<C, Ends, Group, false>(rounds);
}

}  // namespace

#if PINFOLD_DETAIL_WIDE_WORDS

TEST_CASE("four words and two words change as single ones do, or not at all") {
    constexpr std::int32_t top = 0x7fffffff;
    const std::array<std::int32_t, 14> values{-top - 1, -top, -0x40000000, -1025, -1024, -1, 0, 1, 2, 1023, 1024, 1026,
                                              top - 1024, top};
    const auto check = [&]<class Group>(Group, auto& words) {
        for (const std::int32_t a : values)
            for (const std::int32_t b : values)
                for (const std::int32_t n : {1, 1024, top})
                    for (const std::int32_t least : {0, 1, 2})
                        for (std::size_t odd = 0; odd < words.size(); ++odd) {
                            const auto fill = [&](std::int64_t by) {
                                for (std::size_t i = 0; i < words.size(); ++i)
                                    words[i] = static_cast<std::int32_t>((i == odd ? a : b) + by);
                            };
                            const auto all_of = [&](auto f) { return f(std::int64_t{a}) && f(std::int64_t{b}); };
                            fill(0);
                            auto before = words;
                            const bool up = all_of([&](std::int64_t v) { return v >= least && v >= 0 && v + n <= top; });
                            bool same = Group::raise(words.data(), n, least) == up;
                            if (up) fill(n), before.swap(words), fill(n);
                            same = same && (up ? words == before : true);
                            fill(0);
                            const bool down = all_of([&](std::int64_t v) { return static_cast<std::int32_t>(v - n) >= least; });
                            same = same && Group::lower(words.data(), n, least) == down;
                            auto after = words;
                            fill(down ? -std::int64_t{n} : 0);
                            if (!same || after != words) {
                                CAPTURE(a, b, n, least, odd, Group::lanes);
                                REQUIRE(same);
                                REQUIRE(after == words);
                            }
                        }
    };
    alignas(16) std::array<std::int32_t, 4> four{};
    alignas(8) std::array<std::int32_t, 2> two{};
    if (detail::has_four_words) check(detail::four_words{}, four);
    check(detail::pair_of_words{}, two);
}

TEST_CASE("groups of atomic counts: the result of one page after the other") {
    using detail::pair_of_words;
    compare_both<by_default, ends::at_zero, pair_of_words>();
    compare_both<by_linux, ends::by_page, pair_of_words>();
    if (!detail::has_four_words) return;
    using detail::four_words;
    compare_both<by_default, ends::at_zero, four_words>();
    compare<by_default, ends::by_page, four_words, true>(300);
    compare<load_tested, ends::at_zero, four_words, true>(300);
    compare_both<by_linux, ends::at_one, four_words>();
    compare<saturating, ends::at_zero, four_words, true>(300);
    compare<unlooked, ends::at_zero, four_words, false>(300);
}

#endif

TEST_CASE("blocks of plain counts: the result of one page after the other") {
    compare_both<plain, ends::at_zero, detail::block_of_plain_words>();
    compare_both<plain_linux, ends::at_one, detail::block_of_plain_words>();
}

TEST_CASE("counts that are no group are counted one by one") {
    compare<exact, ends::at_zero, detail::single_words, true>(60);
    compare<wide, ends::at_zero, detail::single_words, true>(60);
}

namespace {
template <class C>
void whole_life() {
    using world = world<C, ends::at_zero>;
    using page = typename world::page;
    using ops = page_ops<page>;
    for (auto& p : world::all) p = page{};
    world::set(typename world::state(pages, count_traits<C>::dead_value), 0);
    for (auto& c : world::counts) c.init();
    page* const first = &world::all[3];
    {
        const auto got = try_pin_packed(first, 40);
        REQUIRE(got);
        CHECK(got.refused_at == 40);
        CHECK(got.batch.first() == first);
        CHECK(got.batch.size() == 40);
        for (std::size_t i = 0; i < pages; ++i)
            CHECK(static_cast<bool>(ops::maybe_pinned(&world::all[i])) == (i >= 3 && i < 43));
        auto more = pin_packed(held::assumed(), first + 1, 7);
        auto refs = get_packed(held::assumed(), first, 9);
        CHECK(ops::refs(first + 1) > ops::refs(first + 10));
        const auto [p, n] = refs.release();
        put_packed(p, 4);  // in parts
        put_packed(p + 4, n - 4);
        more.reset(dirty);
        CHECK(world::all[4].t.dirtied == 1);
        CHECK(world::all[3].t.dirtied == 0);
    }
    for (auto& p : world::all) CHECK(ops::refs(&p) == 1);

    world::all[20].t = {};
    ops::put(&world::all[20]);
    CHECK(world::all[20].t.freed == 1);
    const auto nothing = try_get_packed(first, 40);
    CHECK_FALSE(nothing);
    CHECK(nothing.error == errc::dead);
    CHECK(nothing.refused_at == 17);
    CHECK(nothing.batch.size() == 0);
    for (std::size_t i = 0; i < pages; ++i) CHECK(ops::refs(&world::all[i]) == (i == 20 ? 0 : 1));
    {
        auto some = try_pin_packed(first, 40, keep_partial);
        CHECK_FALSE(some.complete());
        CHECK(some.refused_at == 17);
        CHECK(some.batch.size() == 17);
        auto moved = std::move(some.batch);
        CHECK(some.batch.size() == 0);
        for (std::size_t i = 3; i < 20; ++i) ops::put(&world::all[i]);  // the pins are the last holds now
        CHECK(world::all[19].t.freed == 0);
    }
    for (std::size_t i = 3; i < 20; ++i) CHECK(world::all[i].t.freed == 1);
    CHECK(try_pin_packed(first, 0));
}
}  // namespace

TEST_CASE("packed pages live and die as others do, atomic") { whole_life<by_default>(); }
TEST_CASE("packed pages live and die as others do, exact") { whole_life<exact>(); }
TEST_CASE("packed pages live and die as others do, plain") { whole_life<plain>(); }

}  // namespace range_packed
