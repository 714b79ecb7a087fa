// SPDX-License-Identifier: BSL-1.0
// What blocks of pages are made of: frames that are pages of their own in memory, looked at many at a time, one unit on
// each, and loops whose length the compiler knows.
#pragma once

#include <cstdint>
#include <utility>

#include "physical.hpp"

namespace pinfold::mm::detail {

/// Flags and links of one frame or of many, gathered.
template <class P>
struct looks {
    using page = frame<P>;
    std::int64_t any = 0, all = -1, link = 0;

    PINFOLD_DETAIL_HOT void add(const page* p) noexcept {
        const std::int64_t f = p->flags.load();
        any |= f;
        all &= f;
        link |= p->link.load_acquire();
    }
    /// Whether one of them may be something else than a page of its own in memory, counted by itself. Device is the one
    /// zone of four with both bits; of many frames they may come from two zones, and who wants to be sure asks each.
    [[nodiscard]] PINFOLD_DETAIL_HOT bool odd() const noexcept {
        constexpr std::int64_t kinds = page::bit(pg::large) | page::bit(pg::zero);
        return ((any & kinds) | (link & 1)) != 0 || (any & device) == device;
    }
    [[nodiscard]] PINFOLD_DETAIL_HOT bool of_one_node() const noexcept {
        return ((any ^ all) & (std::int64_t{15} << page::node_shift)) == 0;
    }

private:
    static_assert(static_cast<unsigned>(zone_kind::device) == 3 && zone_kinds == 4);
    static constexpr std::int64_t device = std::int64_t{3} << page::zone_shift;
};
template <class P>
[[nodiscard]] PINFOLD_DETAIL_HOT bool is_odd(const frame<P>* p) noexcept {
    looks<P> l;
    l.add(p);
    return l.odd();
}

/// One unit of a page that is its own head: a pin or a reference.
template <class P, bool Pin>
struct single {
    using page = frame<P>;
    using ops = typename physical<P>::ops;
    static constexpr holder kind = Pin ? holder::pin : holder::get;

    [[nodiscard]] PINFOLD_DETAIL_HOT static bool grab(page* head) noexcept {
        if constexpr (Pin) return static_cast<bool>(head->count.try_pin(1, false, undo{head}));
        else return static_cast<bool>(head->count.try_get(1, undo{head}));
    }
    /// Effects: the inverse, also where the frame is something else by now. Statistics are the caller's.
    PINFOLD_DETAIL_HOT static void drop(page* head) noexcept {
        if constexpr (Pin) (void)undo{head}(head->count, head->count.release_pin_part(1, false));
        else (void)undo{head}(head->count, ops::count_type::units(1));
    }

private:
    struct undo {
        page* head;
        template <class Count>
        PINFOLD_DETAIL_HOT crossing operator()(Count& c, typename Count::value_type units) const noexcept {
            pinfold::detail::dropper<typename ops::policy::release>::drop(head, c, units);
            return crossing::none;
        }
    };
};

/// Indices 0 … size - 1 of a block. The number is known to the compiler: no loop is left.
template <unsigned Size>
struct fixed {
    static constexpr unsigned size = Size;
    template <class Do>
    PINFOLD_DETAIL_HOT static void each(Do what) noexcept {
        [&]<unsigned... I>(std::integer_sequence<unsigned, I...>) { (what(I), ...); }
        (std::make_integer_sequence<unsigned, Size>{});
    }
    /// Returns: for how many `what` held, up to the first for which it did not.
    template <class Do>
    [[nodiscard]] PINFOLD_DETAIL_HOT static unsigned while_true(Do what) noexcept {
        unsigned n = 0;
        [&]<unsigned... I>(std::integer_sequence<unsigned, I...>) { (void)((what(I) && (++n, true)) && ...); }
        (std::make_integer_sequence<unsigned, Size>{});
        return n;
    }
};
/// The same for any number.
struct counted {
    unsigned size;
    template <class Do>
    PINFOLD_DETAIL_HOT void each(Do what) const noexcept {
        for (unsigned i = 0; i < size; ++i) what(i);
    }
    template <class Do>
    [[nodiscard]] PINFOLD_DETAIL_HOT unsigned while_true(Do what) const noexcept {
        unsigned n = 0;
        while (n < size && what(n)) ++n;
        return n;
    }
};

}  // namespace pinfold::mm::detail
