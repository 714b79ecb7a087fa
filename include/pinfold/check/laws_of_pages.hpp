// SPDX-License-Identifier: BSL-1.0
// The laws of counting lifted to pages: heads and tails under the rules a page may find its head by, of one size or of two
// where pins ask for it, hooks, statistics, exempt pages.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "../policy/aligned_head.hpp"
#include "../policy/self_head.hpp"
#include "laws_of_counting.hpp"
#include "report.hpp"
#include "sizes.hpp"
#include "subject.hpp"

namespace pinfold::check {

namespace laws {
inline constexpr law head_counts{"head counts", "what is done to a tail is counted on its head, and the tail's own word is left alone"};
inline constexpr law head_by_rule{"head by rule", "a page that is its own head counts for itself, one of an aligned block for the block, and no other word moves"};
inline constexpr law exemption{"exemption", "pins of an exempt page succeed, change nothing, and so do their releases"};
inline constexpr law counted_before_free{"counted before free", "statistics balance, and count a release before the page can be freed"};
inline constexpr law run_of_pages{"run of pages", "a run of n pages holds n pins, and a run that fails holds none"};
inline constexpr law hook_once{"hook once", "idle and free each fire once per crossing, and never while the page is held"};
inline constexpr law head_changes{"head changes", "a grab that meets a block being split counts where its page belongs afterwards"};
inline constexpr law size_changes{"size changes", "a pin that meets a head whose size changes is counted, and given back, by the size it has"};
}  // namespace laws

namespace detail {

template <class P, class Subject>
class page_laws {
    using traits = count_traits<P>;

    enum class rule : unsigned char { tagged, self, aligned };
    static constexpr unsigned aligned_order = 2;

    template <class Q, class Word, rule Rule = rule::tagged>
    struct frame {
        pinfold::count<Q> count;
        Word link;
        Word size;  ///< 1: large, in the eyes of hybrid pins
        lifetime life;
        plain<int> data{0};
        int idles = 0, frees = 0;
        bool is_exempt = false;
        std::int64_t acquired = 0, released = 0;
        bool counted = true;  ///< whether the free hook saw its release in the statistics

        static void idle(frame* f) noexcept { ++f->idles, f->data.set(f->data.get() + 1); }
        static void free(frame* f) noexcept {
            ++f->frees;
            f->counted = f->counted && f->acquired == f->released;
            f->life.end();
        }
        static inline thread_local frame* first = nullptr;  ///< of the array that aligned blocks are in
        static frame* base() noexcept { return first; }
        static bool exempted(const frame& f) noexcept { return f.is_exempt; }
        struct statistics {
            static void acquired(const frame& f, std::uint64_t n) noexcept {
                const_cast<frame&>(f).acquired += static_cast<std::int64_t>(n);
            }
            static void released(const frame& f, std::uint64_t n) noexcept {
                const_cast<frame&>(f).released += static_cast<std::int64_t>(n);
            }
        };
        struct pinfold_policy {
            using page = frame;
            using head = std::conditional_t<Rule == rule::self, self_head,
                                            std::conditional_t<Rule == rule::aligned, aligned_head<aligned_order, &frame::base>,
                                                               tagged_head<&frame::link>>>;
            using release = std::conditional_t<traits::overflow == overflow_rule::saturate, free_at_zero<&frame::free>,
                                               on_release<idle_at_one<&frame::idle>, free_at_zero<&frame::free>>>;
            using statistics = typename frame::statistics;
            using exempt = exempt_if<&frame::exempted>;
            using dirtying = no_dirtying;
            using trace = no_trace;
            static auto& count_of(frame& f) noexcept { return f.count; }
        };
    };

    using lone_frame = frame<with_sizes<P, alone<P>>, unsync_word<std::intptr_t>>;
    using shared_frame = frame<with_sizes<P, together<P, Subject>>, word<std::intptr_t>>;
    template <class Frame>
    using ops = typename Subject::template ops<Frame>;
    template <class Frame>
    using heads = typename Frame::pinfold_policy::head;

    /// A block of four, its head alive with one reference.
    template <class Frame>
    struct block {
        Frame at[4];
        explicit block(bool large) {
            at[0].size.store(large);
            for (int i = 1; i < 4; ++i) heads<Frame>::make_tail(at[i], at[0]);
            at[0].count.init(1);
        }
    };

public:
    /// Whether the laws are about large heads, too.
    static constexpr bool hybrid = traits::form == pin_form::hybrid;
    static constexpr bool applies = traits::has_pins &&
                                    (!traits::stated || (traits::limits.max_pins >= 2 && P::budget.batch >= 2 &&
                                                         traits::limits.max_refs >= 2)) &&
                                    (traits::stated || traits::limits.largest_batch >= 4);

    static trial head_counts() {
        trial t;
        for (int large = 0; large <= hybrid; ++large)
            for (int i = 0; i < 4; ++i) head_counts_of(t, i, large != 0);
        return t;
    }

    static trial head_by_rule() {
        trial t;
        with_rule<rule::self>(t, "self_head", [](int i) { return i; });
        with_rule<rule::aligned>(t, "aligned_head", [](int i) { return i & ~((1 << aligned_order) - 1); });
        return t;
    }

    static trial exemption() {
        trial t;
        using o = ops<lone_frame>;
        lone_frame f;
        f.count.init(1);
        f.is_exempt = true;
        for (int i = 0; i < 2; ++i) {
            const bool got = static_cast<bool>(o::try_pin(&f, 1));
            t.need(got && f.count.raw() == 1 && f.acquired == 0, [&] { return "a pin of an exempt page counts"; });
            o::unpin(&f, 1);
            t.need(f.count.raw() == 1 && f.released == 0 && f.frees == 0, [&] { return "the release of an exempt pin counts"; });
        }
        const bool ref = static_cast<bool>(o::try_get(&f, 1));
        t.need(ref && f.count.raw() == 2, [&] { return "a reference of an exempt page does not count"; });
        return t;
    }

    static trial counted_before_free() {
        trial t;
        using o = ops<lone_frame>;
        lone_frame f;
        for (int life = 0; life < 2; ++life) {
            f.count.init(1);
            const bool got = static_cast<bool>(o::try_pin(&f, 1));
            t.need(got && f.acquired == 2 * life + 1, [&] { return "a pin is not counted as acquired"; });
            o::pin(held::assumed(), &f, 1);
            t.need(f.acquired == 2 * life + 2, [&] { return "a pin under evidence is not counted as acquired"; });
            o::unpin(&f, 1);
            o::put(&f, 1);
            o::unpin(&f, 1);
            t.need(f.frees == life + 1 && f.counted, [&] { return "the page was freed before the release was counted"; });
            t.need(!o::try_pin(&f, 1) && f.acquired == f.released, [&] { return "a refused pin is counted"; });
        }
        return t;
    }

    static trial run() {
        trial t;
        for (int large = 0; large <= hybrid; ++large)
            for (int first = 0; first < 3; ++first)
                for (const bool fails : {false, true}) run_of(t, first, fails, large != 0);
        return t;
    }

private:
    /// Returns: what a pin adds to the word of its head.
    static constexpr std::int64_t unit(bool large) noexcept { return large ? 1 : static_cast<std::int64_t>(traits::pin_unit); }

    static void head_counts_of(trial& t, int i, bool large) {
        using o = ops<lone_frame>;
        block<lone_frame> b(large);
        const auto tail_before = b.at[3].count.raw();
        const auto of = [&] { return "page " + std::to_string(i) + (large ? " of a large block" : ""); };
        const bool got = static_cast<bool>(o::try_pin(&b.at[i], 1));
        t.need(got && b.at[0].count.raw() == 1 + unit(large), [&] {
            return "a pin of " + of() + " raises the head by " + std::to_string(b.at[0].count.raw() - 1);
        });
        t.need(static_cast<bool>(o::maybe_pinned(&b.at[i])), [&] { return "a pinned block answers no"; });
        o::unpin(&b.at[i], 1);
        t.need(!static_cast<bool>(o::maybe_pinned(&b.at[i])), [&] { return "given back through " + of() + " the pin is still seen"; });
        const bool ref = static_cast<bool>(o::try_get(&b.at[i], 1));
        t.need(ref && b.at[0].count.raw() == 2, [&] { return "a reference of " + of() + " does not count on the head"; });
        o::put(&b.at[i], 1);
        t.need(b.at[0].count.raw() == 1 && b.at[3].count.raw() == tail_before && b.at[0].frees == 0,
               [&] { return "given back through " + of() + " the head has " + std::to_string(b.at[0].count.raw()); });
    }

    static void run_of(trial& t, int first, bool fails, bool large) {
        using o = ops<lone_frame>;
        using runs = typename Subject::template run_of_pages<o>;
        block<lone_frame> b(large);
        const auto& tail = b.at[first == 0 ? 1 : first].count;
        const auto tail_before = tail.raw();
        const bool got = runs::take(&b.at[first], 2, fails);
        t.need(got == !fails && b.at[0].count.raw() == 1 + (got ? 2 * unit(large) : 0), [&] {
            return "two pages from page " + std::to_string(first) + (fails ? " that fail leave " : " raise the head by ") +
                   std::to_string(b.at[0].count.raw() - 1);
        });
        t.need(tail.raw() == tail_before, [&] { return "the word of a tail is changed"; });
        for (int i = 0; got && i < 2; ++i) o::unpin(&b.at[first + i], 1);
        t.need(b.at[0].count.raw() == 1 && b.at[0].frees == 0 && b.at[0].acquired == b.at[0].released,
               [&] { return "given back page by page the head has " + std::to_string(b.at[0].count.raw()); });
    }

    /// Each page of two blocks in turn; head_of: the place of its head.
    template <rule Rule, class HeadOf>
    static void with_rule(trial& t, const char* name, HeadOf head_of) {
        using page = frame<with_sizes<P, alone<P>>, unsync_word<std::intptr_t>, Rule>;
        using o = ops<page>;
        constexpr int pages = 2 << aligned_order;
        for (int i = 0; i < pages; ++i) {
            page at[pages];
            page::first = at;
            for (int k = 0; k < pages; ++k)
                if (head_of(k) == k) at[k].count.init(1);
            const auto says = [&](const char* what) { return std::string(name) + ": " + what + " page " + std::to_string(i) + " counts elsewhere"; };
            page& head = at[head_of(i)];
            const auto alone_at = [&](std::int64_t n) {
                bool right = head.count.raw() == n;
                for (int k = 0; k < pages; ++k)
                    if (&at[k] != &head) right = right && at[k].frees == 0 && at[k].count.raw() == (head_of(k) == k ? 1 : page().count.raw());
                return right;
            };
            const bool got = static_cast<bool>(o::try_pin(&at[i], 1));
            t.need(got && alone_at(1 + unit(false)), [&] { return says("a pin of"); });
            o::unpin(&at[i], 1);
            t.need(alone_at(1) && head.frees == 0, [&] { return says("an unpin of"); });
            const bool ref = static_cast<bool>(o::try_get(&at[i], 1));
            t.need(ref && alone_at(2), [&] { return says("a reference of"); });
            o::put(&at[i], 2);
            t.need(head.frees == 1 && head.counted, [&] { return says("the last release of"); });
        }
    }

public:
    /// One thread gives two pins back at once, the other a reference: from 2 units and a baseline to 1, then to 0.
    static exploration hook_once(bool large, limits l) {
        return explore("hook once", [large](program& p) {
            using o = ops<shared_frame>;
            auto& f = p.make<shared_frame>("page");
            f.size.store(large);
            f.count.init(1);
            f.count.pin(2, large);
            f.acquired = 2;
            f.count.get(1);
            p.thread([&f] { (void)f.data.get(), o::unpin(&f, 2); });
            p.thread([&f] { (void)f.data.get(), o::put(&f, 1); });
            p.at_end([&f] {
                that(traits::overflow == overflow_rule::saturate || f.idles == 1, "the idle hook has fired once");
                that(f.frees == 0 && f.count.raw() == 1, "only the baseline is left");
                o::put(&f, 1);
                that(f.frees == 1 && f.counted, "the free hook fires once, after the statistics");
            });
        }, l);
    }

    /// The owner splits a block of two while somebody pins the tail.
    static exploration head_changes(bool large, limits l) {
        return explore("head changes", [large](program& p) {
            using o = ops<shared_frame>;
            struct pair {
                shared_frame head, tail;
            };
            auto& b = p.make<pair>("block");
            heads<shared_frame>::make_tail(b.tail, b.head);
            b.head.size.store(large);
            b.head.count.init(1);
            p.thread([&b] {
                if (!o::try_pin(&b.tail, 1)) return;
                o::head(&b.tail)->life.use();
                o::unpin(&b.tail, 1);
            });
            p.thread([&b, large] {
                if (!b.head.count.freeze(1)) return;
                if (large) b.head.size.store(0);
                b.tail.count.init(1);
                heads<shared_frame>::clear(b.tail);
                b.head.count.unfreeze(1);
            });
            p.at_end([&b] {
                that(b.head.count.raw() == 1 && b.head.frees == 0, "the head is as before");
                that(heads<shared_frame>::is_tail(b.tail) ? b.tail.count.is_dead() : b.tail.count.raw() == 1, "so is the tail");
                that(b.head.acquired + b.tail.acquired == b.head.released + b.tail.released, "statistics balance");
            });
        }, l);
    }

    /// The owner makes another page of it while somebody pins it.
    static exploration size_changes(bool large, limits l) {
        return explore("size changes", [large](program& p) {
            using o = ops<shared_frame>;
            auto& f = p.make<shared_frame>("page");
            f.size.store(large);
            f.count.init(1);
            p.thread([&f] {
                if (!o::try_pin(&f, 1)) return;
                f.life.use();
                that(f.count.raw() == 1 + unit(f.size.load() != 0), "a pin counts by the size its head has");
                o::unpin(&f, 1);
            });
            p.thread([&f, large] {
                if (!f.count.freeze(1)) return;
                f.size.store(!large);
                f.count.unfreeze(1);
            });
            p.at_end([&f] {
                that(f.count.raw() == 1 && f.frees == 0, "what was pinned is given back");
                that(!static_cast<bool>(o::maybe_pinned(&f)), "nothing looks like a pin");
                that(f.acquired == f.released, "statistics balance");
            });
        }, l);
    }
};

}  // namespace detail

}  // namespace pinfold::check
