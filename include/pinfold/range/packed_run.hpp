// SPDX-License-Identifier: BSL-1.0
// Counting pages that follow each other and whose counts do: several counts by one instruction where all of them are
// ordinary, one by one where any is not.
#pragma once

#include <type_traits>

#include "../word/packed_words.hpp"
#include "grab.hpp"

namespace pinfold {

/// Page is a packed page if and only if it can be referenced and pinned, is its own head, and its policy says that the
/// counts of pages that follow each other follow each other: `P::packed`, see packed_counts.
template <class Page>
concept packed_page = counted_page<Page> && requires { requires policy_of_t<Page>::packed; } &&
                      detail::same<typename policy_of_t<Page>::head, self_head>;

namespace detail {

/// What a release must leave behind for no hook to fire: a device page's kind is asked word by word only.
template <class Release>
inline constexpr int least_left = hooks_of<Release>::at_one != 0 ? 2 : 1;
template <class Switch, auto IsDevice, class Device, class Ordinary>
inline constexpr int least_left<by_kind<Switch, IsDevice, Device, Ordinary>> = 2;

/// The operations on runs of packed pages; Group as in word/packed_words.hpp.
///
/// A group is changed at once only where each of its words stays between the values at which the state machine
/// decides anything: live before, positive and not overflowed afterwards, and above every value that fires a hook.
/// Whatever else a word may be – dead, zero, blocked, about to overflow, about to die – is met by count<> itself, on
/// single words; so are groups that another thread was changing. To each word the step of a group is a
/// compare-exchange of its own value, as zero_is_dead grabs and as mixes with the adds and subtractions of sticky_dead
/// (I1 to I6 speak of one word at a time): threads may go either way at the same time.
template <class Group, class Hold, class Page>
class packed_run {
    using ops = page_ops<Page>;
    using policy = typename ops::policy;
    using traits = typename ops::traits;
    using value_type = typename ops::value_type;

    static constexpr std::size_t lanes = Group::lanes;
    static constexpr auto unit = static_cast<value_type>(Hold::kind == hold_kind::pin ? traits::pin_unit : 1);
    static constexpr value_type least_live = traits::optimistic && !traits::bounds_itself ? 0 : 1;  // I1: zero is not dead under sticky_dead
    static constexpr value_type least_kept = least_left<typename policy::release>;

public:
    /// Effects: one speculative unit of Hold on each of first[0, n), up to the first refusal; what was granted stays.
    static grab_progress try_grab(Page* first, std::size_t n) noexcept {
        errc why = errc::ok;
        const std::size_t done = in_groups(
            first, n, [](void* words) { return Group::raise(words, unit, least_live); },
            [](Page*) {},
            [&why](Page* p) {
                why = ops::template try_grab_head<Hold>(p, 1).error;
                return why == errc::ok;
            },
            [](Page* p) { ops::template record<Hold>(p, 1); });
        return {done, why};
    }

    /// Effects: one unit of Hold on each of first[0, n). Requires: evidence about every one.
    static void grab(Page* first, std::size_t n) noexcept {
        (void)in_groups(
            first, n, [](void* words) { return Group::raise(words, unit, value_type{1}); }, [](Page*) {},
            [](Page* p) {
                Hold::grab(ops::count_of(p), *p, 1);
                return true;
            },
            [](Page* p) { ops::template record<Hold>(p, 1); });
    }

    /// Effects: gives one unit of Hold back on each of first[0, n); hooks run in the order of the pages.
    static void drop(Page* first, std::size_t n) noexcept {
        (void)in_groups(
            first, n, [](void* words) { return Group::lower(words, unit, least_kept); },
            [](Page* p) {  // before the count is lowered: afterwards somebody else may free the page
                policy::trace::returning(*p, Hold::kind, 1);
                Hold::released(*p, 1);
            },
            [](Page* p) {
                ops::template undo_grab_head<Hold>(p, 1);
                return true;
            },
            [](Page*) {});
    }

private:
    /// Effects: for each page that is not exempt: before(page), the change, after(page). The change is group(words) for
    /// as many as a group has, or single(page), until the latter says no. Returns: the pages before that one.
    template <class GroupOf, class Before, class Single, class After>
    PINFOLD_DETAIL_HOT static std::size_t in_groups(Page* first, std::size_t n, GroupOf group, Before before,
                                                    Single single, After after) noexcept {
        std::size_t i = 0;
        while (i < n) {
            std::size_t end = i + 1;
            if constexpr (lanes > 1) {
                if (Group::starts_at(&ops::count_of(first + i)) && n - i >= lanes && all_count(first + i)) {
                    end = i + lanes;
                    for (std::size_t k = i; k < end; ++k) before(first + k);
                    if (group(&ops::count_of(first + i))) [[likely]] {
                        for (; i < end; ++i) after(first + i);
                        continue;
                    }
                    for (; i < end; ++i) {
                        if (!single(first + i)) return i;
                        after(first + i);
                    }
                    continue;
                }
            }
            for (; i < end; ++i) {
                if (Hold::is_exempt(first[i])) continue;
                before(first + i);
                if (!single(first + i)) return i;
                after(first + i);
            }
        }
        return n;
    }

    PINFOLD_DETAIL_HOT static bool all_count(const Page* first) noexcept {
        if constexpr (Hold::can_exempt) {
            for (std::size_t k = 0; k < lanes; ++k)
                if (Hold::is_exempt(first[k])) return false;
        }
        return true;
    }
};

/// Returns: f(packed_run) with the widest group for Page's counts on this processor. A count of two words has none.
template <class Hold, class Page, class F>
PINFOLD_DETAIL_HOT decltype(auto) with_packed_run(F f) noexcept {
    using count_type = typename page_ops<Page>::count_type;
    using word = std::conditional_t<count_type::traits::has_pin_word, void, typename count_type::word>;
    return with_widest_group<word>([&f](auto group) noexcept { return f(packed_run<decltype(group), Hold, Page>{}); });
}

}  // namespace detail

}  // namespace pinfold
