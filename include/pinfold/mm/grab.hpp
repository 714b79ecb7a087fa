// SPDX-License-Identifier: BSL-1.0
// Taking and giving back units by flags: one routine for all slow paths, one for all fast ones, one undo for both
// (R-16, INV-7). Source: spec 01 §2.
#pragma once

#include "foll.hpp"
#include "physical.hpp"
#include "profile.hpp"
#include "race_point.hpp"

namespace pinfold::mm {

namespace detail {

template <class P>
PINFOLD_DETAIL_COLD void warn_refused(physical<P>& phys, const frame<P>* head, errc why, bool speculative) {
    const warn_id site = why == errc::batch_limit ? warn_id::grab_batch : warn_id::grab_negative;
    if (why == errc::dead && speculative) return;  // a free page met by chance is nothing to report
    phys.warn.emit(site, head->count.refs());
}

}  // namespace detail

/// Returns: whether taking a pin of `page` changes nothing (the zero page of linux_6_12).
template <class P>
[[nodiscard]] bool is_exempt(const frame<P>* page) noexcept {
    return physical<P>::ops::pinning::is_exempt(*page);
}

/// Returns: whether a long-term pin may stay on the page where it is. Source: spec 06 §6.
template <class P>
[[nodiscard]] bool is_longterm_pinnable(const physical<P>& phys, const frame<P>* head) noexcept {
    const migrate_type t = phys.types.of(phys.number(head));
    if (t == migrate_type::cma || (P::longterm_leaves_movable && t == migrate_type::isolate)) return false;
    if (!P::longterm_leaves_movable) return true;
    if (is_device(head, device_type::coherent)) return false;  // must be able to go when its device goes
    return phys.is_zero_page(head) || head->zone() != zone_kind::movable;
}

/// Returns: whether the page is a peer's and the caller did not say that it can reach those (FOLL_PCI_P2PDMA).
template <class P>
[[nodiscard]] bool refuses_peers(const frame<P>* head, unsigned flags) noexcept {
    return P::devices::p2pdma_by_flag && (flags & foll::pci_p2pdma) == 0 && is_device(head, device_type::p2pdma);
}

/// Effects: n units by flags while the caller's page-table lock keeps the folio mapped. Neither flag: nothing.
/// Returns: 0 or a negative errno; nothing is changed then. Only an overflowed count can refuse here.
template <class P>
[[nodiscard]] int grab_stable(physical<P>& phys, frame<P>* page, std::uint64_t n, unsigned flags) {
    using ops = typename physical<P>::ops;
    if ((flags & (foll::get | foll::pin)) == 0) return 0;
    if ((flags & foll::get) != 0 && (flags & foll::pin) != 0) {
        phys.warn.emit(warn_id::grab_both, static_cast<std::int64_t>(flags));
        return -err::einval;
    }
    if (refuses_peers<P>(phys.head(page), flags)) return -err::eremoteio;
    const bool pin = (flags & foll::pin) != 0;
    outcome got;
    if (!pin) got = ops::try_get_held(held::assumed(), page, n);
    else if constexpr (P::slow_grab_speculates) got = ops::try_pin(page, n);
    else got = ops::try_pin_held(held::assumed(), page, n);
    frame<P>* head = phys.head(page);
    if (!got) [[unlikely]] {
        detail::warn_refused(phys, head, got.error, pin && P::slow_grab_speculates);
        return -err::enomem;
    }
    if (!(pin && is_exempt(page))) phys.note(head, pin ? holder::pin : holder::get, static_cast<std::int64_t>(n));
    return 0;
}

/// Effects: n units by flags on the head of `page`, which nothing keeps alive: resolve, add unless dead, look at
/// the head again, fence. Returns: the head, or null with nothing changed.
/// Synchronises: full fence behind the add (spec 01 §3, B3): the caller re-reads the entry next.
template <class P>
[[nodiscard]] frame<P>* grab_speculative(physical<P>& phys, frame<P>* page, std::uint64_t n, unsigned flags) {
    using ops = typename physical<P>::ops;
    using races = typename P::races;
    if ((flags & (foll::get | foll::pin)) == 0) {
        phys.warn.emit(warn_id::grab_noflag, static_cast<std::int64_t>(flags));
        return nullptr;
    }
    const auto speculate = [&]<class Hold>(holder h) -> frame<P>* {
        if (Hold::is_exempt(*page)) return phys.head(page);
        for (;;) {
            frame<P>* head = phys.head(page);
            races::at(race_point::head_resolved);
            const outcome got = ops::template try_grab_head<Hold>(head, n);
            if (!got) [[unlikely]] {
                detail::warn_refused(phys, head, got.error, true);
                return nullptr;
            }
            races::at(race_point::added);
            if (!P::steps::head_is_still(phys, page, head)) [[unlikely]] {  // DEF-14
                ops::template undo_grab_head<Hold>(head, n);
                continue;
            }
            if (refuses_peers<P>(head, flags)) [[unlikely]] {
                ops::template undo_grab_head<Hold>(head, n);
                return nullptr;
            }
            if constexpr (P::longterm_checks_first)
                if ((flags & foll::longterm) != 0 && h == holder::pin && !is_longterm_pinnable(phys, head)) {
                    ops::template undo_grab_head<Hold>(head, n);
                    return nullptr;
                }
            P::steps::template fence_behind_grab<typename ops::count_type>();
            ops::template record<Hold>(head, n);
            phys.note(head, h, static_cast<std::int64_t>(n));
            return head;
        }
    };
    return (flags & foll::pin) != 0 ? speculate.template operator()<typename ops::pinning>(holder::pin)
                                    : speculate.template operator()<typename ops::reference>(holder::get);
}

/// Effects: the exact inverse of a grab with the same n and flags, on the same head (DEF-01, DEF-04, DEF-13).
/// The last release frees. `page` may be any page of the folio.
template <class P>
void ungrab(physical<P>& phys, frame<P>* page, std::uint64_t n, unsigned flags) {
    frame<P>* head = phys.head(page);
    if ((flags & foll::pin) != 0) {
        if (is_exempt(page)) return;
        phys.note(head, holder::pin, -static_cast<std::int64_t>(n));
        P::steps::unpin(phys, page, n);
    } else if ((flags & foll::get) != 0) {
        phys.drop(head, holder::get, n);
    }
}

/// Units of the count word that n grabs by flags add to this head.
template <class P>
[[nodiscard]] std::int64_t units_of(const frame<P>* page, std::uint64_t n, unsigned flags) noexcept {
    if ((flags & foll::pin) == 0) return (flags & foll::get) != 0 ? static_cast<std::int64_t>(n) : 0;
    if (is_exempt(page)) return 0;
    const frame<P>* head = physical<P>::head(const_cast<frame<P>*>(page));
    return static_cast<std::int64_t>(n) * pin_unit(*head);
}

}  // namespace pinfold::mm
