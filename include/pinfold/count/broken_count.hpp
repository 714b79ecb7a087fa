// SPDX-License-Identifier: BSL-1.0
// What a count becomes when its policy is wrong: every operation is accepted and does nothing, so that the one
// worded error of the policy check is the only one. A program that contains it has not compiled.
#pragma once

#include <cstdint>

#include "../core/errc.hpp"

namespace pinfold::detail {

struct broken_count {
    using value_type = std::int64_t;
    using units_type = std::int64_t;

    template <class... A> void init(const A&...) noexcept {}
    template <class... A> outcome try_get(const A&...) noexcept { return {}; }
    template <class... A> outcome try_get_held(const A&...) noexcept { return {}; }
    template <class... A> void get(const A&...) noexcept {}
    template <class... A> crossing put(const A&...) noexcept { return {}; }
    template <class... A> outcome try_pin(const A&...) noexcept { return {}; }
    template <class... A> outcome try_pin_held(const A&...) noexcept { return {}; }
    template <class... A> void pin(const A&...) noexcept {}
    template <class... A> crossing unpin(const A&...) noexcept { return {}; }
    template <class... A> bool maybe_pinned(const A&...) const noexcept { return false; }
    template <class... A> bool freeze(const A&...) noexcept { return false; }
    template <class... A> void unfreeze(const A&...) noexcept {}
    template <class... A> bool block_pins(const A&...) noexcept { return false; }
    template <class... A> crossing unblock_pins(const A&...) noexcept { return {}; }
    value_type raw() const noexcept { return 0; }
    std::int64_t refs() const noexcept { return 0; }
    template <class... A> std::int64_t pins(const A&...) const noexcept { return 0; }
    bool is_dead() const noexcept { return true; }
    template <class... A> void set_raw(const A&...) noexcept {}
    static void fence() noexcept {}
};

}  // namespace pinfold::detail
