// SPDX-License-Identifier: BSL-1.0
// The one way units leave a head: lower the count, then fire the hook of the value it reached. The same decision
// serves put, unpin, n-fold forms and undo (R-04, design idea 5).
#pragma once

#include "../core/config.hpp"
#include "../core/errc.hpp"
#include "../policy/by_kind.hpp"
#include "../policy/release_hooks.hpp"

namespace pinfold::detail {

/// What a release policy consists of, and which hooks it has.
template <class R>
struct hooks_of {
    static constexpr bool is_hook = false;
};
template <int Value, auto Fn>
struct hooks_of<fire_at<Value, Fn>> {
    static constexpr bool is_hook = true;
    static constexpr int at_zero = Value == 0;
    static constexpr int at_one = Value == 1;
    static constexpr bool in_range = Value == 0 || Value == 1;

    template <class Page>
    static constexpr bool callable = fire_at<Value, Fn>::template callable<Page>;

    template <int At, class Page>
    static constexpr void fire(Page* head) noexcept {
        if constexpr (At == Value) fire_at<Value, Fn>::fire(head);
    }
};
template <class... Hooks>
struct hooks_of<on_release<Hooks...>> {
    static constexpr bool is_hook = (hooks_of<Hooks>::is_hook && ...);
    static constexpr int at_zero = (hooks_of<Hooks>::at_zero + ... + 0);
    static constexpr int at_one = (hooks_of<Hooks>::at_one + ... + 0);
    static constexpr bool in_range = (hooks_of<Hooks>::in_range && ...);

    template <class Page>
    static constexpr bool callable = (hooks_of<Hooks>::template callable<Page> && ...);

    template <int At, class Page>
    static constexpr void fire([[maybe_unused]] Page* head) noexcept {
        (hooks_of<Hooks>::template fire<At>(head), ...);
    }
};
template <>
struct hooks_of<no_release> : hooks_of<on_release<>> {};

template <class Hooks, class Page>
PINFOLD_DETAIL_COLD void fire_crossing(Page* head, crossing reached) noexcept {
    if (reached == crossing::zero)
        Hooks::template fire<0>(head);
    else if constexpr (Hooks::at_one != 0)
        Hooks::template fire<1>(head);
}

/// Effects: subtracts `units` from the head's count and runs the hook of the value reached, if it has one. At that
/// value the count is stable: nobody holds a reference any more.
template <class Release>
struct dropper {
    using hooks = hooks_of<Release>;

    template <class Page, class Count>
    PINFOLD_DETAIL_HOT static void drop(Page* head, Count& c, typename Count::units_type units) noexcept {
        if constexpr (hooks::at_one != 0) {
            const crossing reached = c.drop_units_idle(units);
            if (reached != crossing::none) [[unlikely]]
                fire_crossing<hooks>(head, reached);
        } else {
            c.drop_units_then(units, [head](crossing reached) noexcept { fire_crossing<hooks>(head, reached); });
        }
    }
    /// The same for n references.
    template <class Page, class Count>
    PINFOLD_DETAIL_HOT static void put(Page* head, Count& c, std::uint64_t n) noexcept {
        if constexpr (hooks::at_one != 0)
            drop(head, c, Count::units(n));
        else
            c.put_then(n, [head](crossing reached) noexcept { fire_crossing<hooks>(head, reached); });
    }
};

/// How a release policy gives back a page that is known not to be a device's.
template <class R>
struct ordinary_of {
    using type = R;
};
template <class Switch, auto IsDevice, class Device, class Ordinary>
struct ordinary_of<by_kind<Switch, IsDevice, Device, Ordinary>> {
    using type = Ordinary;
};

template <class Switch, auto IsDevice, class Device, class Ordinary>
struct dropper<by_kind<Switch, IsDevice, Device, Ordinary>> {
    using rule = by_kind<Switch, IsDevice, Device, Ordinary>;

    template <class Page, class Count>
    PINFOLD_DETAIL_HOT static void drop(Page* head, Count& c, typename Count::units_type units) noexcept {
        if (rule::is_device(*head)) [[unlikely]]
            return drop_device(head, c, units);
        dropper<Ordinary>::drop(head, c, units);
    }
    template <class Page, class Count>
    PINFOLD_DETAIL_HOT static void put(Page* head, Count& c, std::uint64_t n) noexcept {
        if (rule::is_device(*head)) [[unlikely]]
            return drop_device(head, c, Count::units(n));
        dropper<Ordinary>::put(head, c, n);
    }

private:
    template <class Page, class Count>
    PINFOLD_DETAIL_COLD static void drop_device(Page* head, Count& c, typename Count::units_type units) noexcept {
        dropper<Device>::drop(head, c, units);
    }
};

}  // namespace pinfold::detail
