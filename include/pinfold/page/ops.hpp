// SPDX-License-Identifier: BSL-1.0
// Counting lifted to pages: resolve the head, count there, run the release hook. Raw operations; page_ref and
// page_pin own what these return. Source: spec 01 §2, spec 02 §4.
#pragma once

#include <cstdint>

#include "../core/config.hpp"
#include "../core/errc.hpp"
#include "../count/count.hpp"
#include "broken_ops.hpp"
#include "check_page.hpp"
#include "evidence.hpp"

namespace pinfold {

namespace detail {

/// Which kind of hold an operation is about; the two differ in units, exemption and statistics.
template <class P, class Page>
struct reference_hold {
    static constexpr hold_kind kind = hold_kind::reference;
    static constexpr bool can_exempt = false;
    static constexpr bool is_exempt(const Page&) noexcept { return false; }
    static constexpr void acquired(const Page&, std::uint64_t) noexcept {}
    static constexpr void released(const Page&, std::uint64_t) noexcept {}

    template <class C, class U>
    PINFOLD_DETAIL_HOT static outcome try_grab(C& c, Page&, std::uint64_t n, U u) noexcept { return c.try_get(n, u); }
    template <class C, class U>
    PINFOLD_DETAIL_HOT static outcome try_held(C& c, Page&, std::uint64_t n, U undo) noexcept {
        return c.try_get_held(n, undo);
    }
    template <class C>
    PINFOLD_DETAIL_HOT static void grab(C& c, Page&, std::uint64_t n) noexcept { c.get(n); }
    template <class C>
    PINFOLD_DETAIL_HOT static void drop(C& c, Page* h, std::uint64_t n) noexcept {
        dropper<typename P::release>::put(h, c, n);
    }
};

template <class P, class Page>
struct pin_hold {
    static constexpr hold_kind kind = hold_kind::pin;
    static constexpr bool can_exempt = !same<typename P::exempt, nothing_exempt>;
    PINFOLD_DETAIL_HOT static bool is_exempt(const Page& p) noexcept { return P::exempt::of(p); }
    PINFOLD_DETAIL_HOT static void acquired(const Page& h, std::uint64_t n) noexcept { P::statistics::acquired(h, n); }
    PINFOLD_DETAIL_HOT static void released(const Page& h, std::uint64_t n) noexcept { P::statistics::released(h, n); }

    template <class C>
    PINFOLD_DETAIL_HOT static bool large(const Page& h) noexcept {
        if constexpr (C::traits::form == pin_form::hybrid)
            return C::policy::pins::is_large(h);
        else
            return false;
    }
    /// With hybrid_pins the head may be freed and come back with the other size between the question and the grab:
    /// the answer is checked once the head is held, and a grab of the wrong kind taken back as what it was.
    template <class C, class U>
    PINFOLD_DETAIL_HOT static outcome try_grab(C& c, Page& h, std::uint64_t n, U undo) noexcept {
        const bool answer = large<C>(h);
        const outcome got = c.try_pin(n, answer, undo);
        if constexpr (C::traits::form == pin_form::hybrid) {
            if (got && large<C>(h) != answer) [[unlikely]]
                return grab_resized(c, h, n, answer, undo);
        }
        return got;
    }
    template <class C, class U>
    PINFOLD_DETAIL_COLD static outcome grab_resized(C& c, Page& h, std::uint64_t n, bool answer, U undo) noexcept {
        (void)undo(c, c.release_pin_part(n, answer));
        return try_grab(c, h, n, undo);
    }
    template <class C, class U>
    PINFOLD_DETAIL_HOT static outcome try_held(C& c, Page& h, std::uint64_t n, U undo) noexcept {
        return c.try_pin_held(n, large<C>(h), undo);
    }
    template <class C>
    PINFOLD_DETAIL_HOT static void grab(C& c, Page& h, std::uint64_t n) noexcept { c.pin(n, large<C>(h)); }
    template <class C>
    PINFOLD_DETAIL_HOT static void drop(C& c, Page* h, std::uint64_t n) noexcept {
        dropper<typename P::release>::drop(h, c, c.release_pin_part(n, large<C>(*h)));
    }
};

}  // namespace detail

/// The operations on pages of type Page, all static. `p` may be any page; the count touched is its head's.
/// n is a number of references or pins. Requires: counted_page<Page>.
template <class Page, class P = policy_of_t<Page>, bool Valid = page_policy<P, Page>>
struct page_ops {
    using policy = P;
    using count_type = std::remove_cvref_t<decltype(P::count_of(*static_cast<Page*>(nullptr)))>;
    using traits = typename count_type::traits;
    using value_type = typename count_type::value_type;
    using reference = detail::reference_hold<P, Page>;
    using pinning = detail::pin_hold<P, Page>;

    /// Returns: p's head at this instant; stable while the caller holds p. Synchronises: as the head rule.
    PINFOLD_DETAIL_HOT static Page* head(Page* p) noexcept { return P::head::head(p); }
    PINFOLD_DETAIL_HOT static count_type& count_of(Page* h) noexcept { return P::count_of(*h); }

    /// Effects: n references on p's head, speculatively: nothing needs to be held. The head is checked again after
    /// the grab, and the grab taken back and tried anew when it changed (DEF-14); that loop ends because each turn
    /// needs a concurrent change of layout.
    /// Fails when: the head is dead or overflowed, or n is too large. Nothing is changed then; if the taking back
    /// was the last release, the release hook has run. Synchronises: sequentially consistent on success.
    PINFOLD_DETAIL_HOT static outcome try_get(Page* p, std::uint64_t n = 1) noexcept {
        return try_grab<reference>(p, n);
    }
    /// Effects: n references. Requires: `held` is about p. Cannot fail. Synchronises: with nothing.
    PINFOLD_DETAIL_HOT static void get(held, Page* p, std::uint64_t n = 1) noexcept { grab<reference>(p, n); }
    /// As get, but a zero or negative word is refused with one warning (spec 01 §2.2).
    PINFOLD_DETAIL_HOT static outcome try_get_held(held, Page* p, std::uint64_t n = 1) noexcept {
        return try_grab_held<reference>(p, n);
    }
    /// Effects: gives n references back; the release hook runs in the thread whose release reached its value.
    /// Synchronises: acquire and release. Complexity: one RMW.
    PINFOLD_DETAIL_HOT static void put(Page* p, std::uint64_t n = 1) noexcept { drop<reference>(p, n); }

    /// As the four above, for pins. Pins of exempt pages succeed and change nothing. Statistics count n pins after
    /// the grab has succeeded and before the release can free (DEF-11).
    PINFOLD_DETAIL_HOT static outcome try_pin(Page* p, std::uint64_t n = 1) noexcept
        requires traits::has_pins
    {
        return try_grab<pinning>(p, n);
    }
    PINFOLD_DETAIL_HOT static void pin(held, Page* p, std::uint64_t n = 1) noexcept
        requires traits::has_pins
    {
        grab<pinning>(p, n);
    }
    PINFOLD_DETAIL_HOT static outcome try_pin_held(held, Page* p, std::uint64_t n = 1) noexcept
        requires traits::has_pins
    {
        return try_grab_held<pinning>(p, n);
    }
    PINFOLD_DETAIL_HOT static void unpin(Page* p, std::uint64_t n = 1) noexcept
        requires traits::has_pins
    {
        drop<pinning>(p, n);
    }

    /// Effects: marks p's head dirty, then gives n pins back (spec 06 §9: dirty before release, always).
    static void unpin_dirty(Page* p, std::uint64_t n = 1) noexcept
        requires(traits::has_pins && !detail::same<typename P::dirtying, no_dirtying>)
    {
        if (!pinning::is_exempt(*p)) P::dirtying::mark(head(p));
        unpin(p, n);
    }

    /// Returns: whether a device may be writing to the block p belongs to: `pinned`, or bool for exact schemes.
    /// Requires for a stable answer: p is held or locked; otherwise it is about the head of this instant.
    [[nodiscard]] PINFOLD_DETAIL_HOT static auto maybe_pinned(const Page* p) noexcept
        requires traits::has_pins
    {
        Page* const h = head_of(p);
        return count_of(h).maybe_pinned(pinning::template large<count_type>(*h));
    }

    /// Returns: count<>::refs, pins, raw of p's head.
    [[nodiscard]] static std::int64_t refs(const Page* p) noexcept { return count_of(head_of(p)).refs(); }
    [[nodiscard]] static std::int64_t pins(const Page* p) noexcept
        requires requires(count_type& c) { c.pins(); }
    {
        return count_of(head_of(p)).pins();
    }
    [[nodiscard]] static value_type raw(const Page* p) noexcept { return count_of(head_of(p)).raw(); }

    /// As count<>::block_pins and unblock_pins. Unblocking is a release: the hook of the value reached runs, also for
    /// what other holders let go while pins were blocked.
    [[nodiscard]] static bool block_pins(held, Page* p) noexcept
        requires traits::can_block
    {
        Page* const h = head(p);
        return count_of(h).block_pins(pinning::template large<count_type>(*h));
    }
    static void unblock_pins(held, Page* p) noexcept
        requires traits::can_block
    {
        Page* const h = head(p);
        (void)count_of(h).unblock_pins(pinning::template large<count_type>(*h), undo{h});
    }

    // Building blocks of the forms above and of range/. Hold is `reference` or `pinning`.

    template <class Hold>
    PINFOLD_DETAIL_HOT static outcome try_grab(Page* p, std::uint64_t n) noexcept {
        if (Hold::is_exempt(*p)) return {};
        Page* const h = head(p);
        const outcome got = try_grab_head<Hold>(h, n);
        if (!got) [[unlikely]]
            return got;
        if constexpr (!P::head::stable) {
            if (head(p) != h) [[unlikely]]
                return grab_moved<Hold>(p, h, n);
        }
        record<Hold>(h, n);
        return got;
    }

    /// Effects: n units of Hold on the head h, without the head check and without statistics.
    template <class Hold>
    PINFOLD_DETAIL_HOT static outcome try_grab_head(Page* h, std::uint64_t n) noexcept {
        const outcome got = Hold::try_grab(count_of(h), *h, n, undo{h});
        return {got.error, crossing::none};  // the undo has run the hook already
    }
    /// Effects: takes back what try_grab_head added, on the same head (design idea 5).
    template <class Hold>
    static void undo_grab_head(Page* h, std::uint64_t n) noexcept {
        Hold::drop(count_of(h), h, n);
    }
    /// Effects: statistics and trace of a grab that stands.
    template <class Hold>
    PINFOLD_DETAIL_HOT static void record(Page* h, std::uint64_t n) noexcept {
        Hold::acquired(*h, n);
        P::trace::granted(*h, Hold::kind, n);
    }
    /// Effects: gives n back on the head h, hooks, statistics and trace included.
    template <class Hold>
    PINFOLD_DETAIL_HOT static void drop_head(Page* h, std::uint64_t n) noexcept {
        P::trace::returning(*h, Hold::kind, n);
        Hold::released(*h, n);
        Hold::drop(count_of(h), h, n);
    }

private:
    /// For queries: pages are not const objects, and a query writes nothing.
    PINFOLD_DETAIL_HOT static Page* head_of(const Page* p) noexcept { return head(const_cast<Page*>(p)); }

    struct undo {
        Page* h;
        crossing operator()(count_type& c, typename count_type::units_type units) const noexcept {
            detail::dropper<typename P::release>::drop(h, c, units);
            return crossing::none;
        }
    };

    template <class Hold>
    PINFOLD_DETAIL_COLD static outcome grab_moved(Page* p, Page* h, std::uint64_t n) noexcept {
        undo_grab_head<Hold>(h, n);
        return try_grab<Hold>(p, n);
    }
    template <class Hold>
    PINFOLD_DETAIL_HOT static void grab(Page* p, std::uint64_t n) noexcept {
        if (Hold::is_exempt(*p)) return;
        Page* const h = head(p);
        Hold::grab(count_of(h), *h, n);
        record<Hold>(h, n);
    }
    template <class Hold>
    PINFOLD_DETAIL_HOT static outcome try_grab_held(Page* p, std::uint64_t n) noexcept {
        if (Hold::is_exempt(*p)) return {};
        Page* const h = head(p);
        const outcome got = Hold::try_held(count_of(h), *h, n, undo{h});
        if (!got) [[unlikely]]
            return {got.error, crossing::none};
        record<Hold>(h, n);
        return got;
    }
    template <class Hold>
    PINFOLD_DETAIL_HOT static void drop(Page* p, std::uint64_t n) noexcept {
        if (Hold::is_exempt(*p)) return;
        drop_head<Hold>(head(p), n);
    }
};

/// A wrong policy: one worded error, and nothing that would add a second one.
template <class Page, class P>
struct page_ops<Page, P, false> : detail::broken_page_ops {
    static_assert(sizeof(require_page_policy<P, Page>) != 0);
};

}  // namespace pinfold
