// SPDX-License-Identifier: BSL-1.0
// What page operations become when the page's policy is wrong: see count/broken_count.hpp.
#pragma once

#include "../count/broken_count.hpp"
#include "../policy/no_trace.hpp"
#include "../policy/pin_form.hpp"

namespace pinfold::detail {

struct broken_page_ops {
    struct traits {
        static constexpr bool has_pins = true;
        static constexpr bool can_block = true;
        static constexpr pin_form form = pin_form::none;
        static constexpr std::uint64_t pin_unit = 1;
        static constexpr std::uint64_t batch_max(std::uint64_t) noexcept { return 1; }
    };
    struct policy {
        struct head {
            static constexpr bool stable = true;
        };
        struct dirtying {
            template <class... A> static void mark(const A&...) noexcept {}
        };
    };
    struct pinning {
        static constexpr hold_kind kind = hold_kind::pin;
        static constexpr bool can_exempt = false;
        template <class... A> static constexpr bool is_exempt(const A&...) noexcept { return false; }
        template <class... A> static void grab(const A&...) noexcept {}
    };
    struct reference : pinning {
        static constexpr hold_kind kind = hold_kind::reference;
    };
    using value_type = std::int64_t;

    template <class Page> static Page* head(Page* p) noexcept { return p; }
    template <class Page> static Page& count_of(Page* p) noexcept { return *p; }
    template <class Hold, class... A> static outcome try_grab_head(const A&...) noexcept { return {}; }
    template <class Hold, class... A> static void undo_grab_head(const A&...) noexcept {}
    template <class Hold, class... A> static void record(const A&...) noexcept {}
    template <class Hold, class... A> static void drop_head(const A&...) noexcept {}
    template <class... A> static outcome try_get(const A&...) noexcept { return {}; }
    template <class... A> static outcome try_get_held(const A&...) noexcept { return {}; }
    template <class... A> static void get(const A&...) noexcept {}
    template <class... A> static void put(const A&...) noexcept {}
    template <class... A> static outcome try_pin(const A&...) noexcept { return {}; }
    template <class... A> static outcome try_pin_held(const A&...) noexcept { return {}; }
    template <class... A> static void pin(const A&...) noexcept {}
    template <class... A> static void unpin(const A&...) noexcept {}
    template <class... A> static void unpin_dirty(const A&...) noexcept {}
    template <class... A> static bool maybe_pinned(const A&...) noexcept { return false; }
    template <class... A> static bool block_pins(const A&...) noexcept { return false; }
    template <class... A> static void unblock_pins(const A&...) noexcept {}
    template <class... A> static std::int64_t refs(const A&...) noexcept { return 0; }
    template <class... A> static std::int64_t pins(const A&...) noexcept { return 0; }
    template <class... A> static std::int64_t raw(const A&...) noexcept { return 0; }
};

}  // namespace pinfold::detail
