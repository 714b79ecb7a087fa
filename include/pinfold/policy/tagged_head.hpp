// SPDX-License-Identifier: BSL-1.0
// Compound pages the Linux way: a tail stores a pointer to its head with bit 0 set. Source: spec 02 §2.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../core/config.hpp"

namespace pinfold {

namespace detail {
template <class>
struct member_of;
template <class Page, class Member>
struct member_of<Member Page::*> {
    using page = Page;
    using type = Member;
};

template <class T, class Page>
concept same_pointer = std::is_same_v<T, Page*>;

/// Member is a count word of Value (any integer when void) in Page.
template <auto Member, class Page, class Value = void>
concept word_member = requires(Page* p) {
    (p->*Member).load_acquire() + 0;
    requires std::is_void_v<Value> || std::is_same_v<decltype((p->*Member).load_acquire()), Value>;
};

}  // namespace detail

/// Link: pointer to a member that is a count word of std::intptr_t, e.g. &frame::link. Bit 0 is clear in it for
/// heads and single pages; other uses of the word must keep it clear.
/// Requires: alignof(Page) ≥ 2, so that the tag bit is free.
/// The test is a branch, never a conditional move: a count's address must not wait for the link's cache line.
template <auto Link>
struct tagged_head {
    using page = typename detail::member_of<decltype(Link)>::page;
    static constexpr bool stable = false;

    /// Returns: p's head; p itself when it is no tail. Synchronises: acquire, with make_tail and clear.
    template <class Page>
        requires detail::word_member<Link, Page, std::intptr_t>
    PINFOLD_DETAIL_HOT static Page* head(Page* p) noexcept {
        const std::intptr_t link = (p->*Link).load_acquire();
        if (__builtin_expect_with_probability((link & 1) != 0, 0, 1.0)) {
            __asm__ volatile("");
            return reinterpret_cast<Page*>(link - 1);
        }
        return p;
    }

    [[nodiscard]] static bool is_tail(const page& p) noexcept { return ((p.*Link).load() & 1) != 0; }

    /// Effects: makes `tail` a tail of `head`. Requires: the caller owns both alone, tail's count is dead.
    /// Synchronises: release.
    static void make_tail(page& tail, page& head) noexcept {
        (tail.*Link).publish(reinterpret_cast<std::intptr_t>(&head) + 1);
    }

    /// Effects: makes `p` its own head again. Requires: as make_tail; set the page's own count first.
    /// Synchronises: release.
    static void clear(page& p) noexcept { (p.*Link).publish(0); }
};

}  // namespace pinfold
