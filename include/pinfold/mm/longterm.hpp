// SPDX-License-Identifier: BSL-1.0
// Long-term pins: the pages must stand where nobody will ever want to move them. Source: spec 06 §6, spec 10 §14.
#pragma once

#include <utility>
#include <vector>

#include "gup_slow.hpp"
#include "migrate_list.hpp"
#include "release.hpp"

namespace pinfold::mm {

namespace detail {

/// Effects: gives back everything a pass collected, by the flags it was taken with (DEF-13).
template <class P>
void release_all(physical<P>& phys, frame<P>** pages, long n, unsigned flags) {
    for (long i = 0; i < n; ++i) P::steps::give_back_longterm(phys, pages[i], flags);
}

/// What stands where it must not: isolated, one reference each.
template <class P>
struct movable_folios {
    std::vector<frame<P>*> isolated;
    std::vector<frame<P>*> coherent;  ///< device memory: never on the LRU, its driver moves it; one reference each
    std::uint64_t collected = 0;      ///< found, isolated or not

    /// 2019 goes by what it could isolate; the rest stays where it is, pinned.
    [[nodiscard]] bool any() const noexcept { return P::longterm_checks_first ? collected != 0 : !isolated.empty(); }
};

template <class P>
[[nodiscard]] movable_folios<P> collect_movable(physical<P>& phys, frame<P>** pages, long n) {
    movable_folios<P> found;
    frame<P>* before = nullptr;
    bool drained = false, drained_all = false;
    for (long i = 0; i < n; ++i) {
        frame<P>* head = phys.head(pages[i]);
        if (head == before) continue;
        before = head;
        if (is_longterm_pinnable(phys, head)) continue;
        ++found.collected;
        if (is_device(head, device_type::coherent)) {
            phys.hold(head, holder::isolation);
            found.coherent.push_back(head);
            continue;
        }
        // It may sit in a batch: this CPU's first, then everybody's, once each.
        if (!head->is(pg::lru) && !head->is(pg::hugetlb) && !std::exchange(drained, true)) phys.lru_drain();
        if (!head->is(pg::lru) && !head->is(pg::hugetlb) && !std::exchange(drained_all, true)) phys.lru_drain_all();
        if (isolate(phys, head)) found.isolated.push_back(head);
    }
    return found;
}

/// check_and_migrate_movable_pages, check_and_migrate_cma_pages. Returns: 0, all stay pinned; -EAGAIN, released and
/// moved, pin again; another error, released, what could not be moved stays.
template <class P>
[[nodiscard]] int check_and_migrate(physical<P>& phys, frame<P>** pages, long n, unsigned flags) {
    movable_folios<P> found = collect_movable(phys, pages, n);
    if (!found.any()) return 0;
    release_all(phys, pages, n, flags);
    bool moved = true;
    for (frame<P>* head : found.coherent) {
        moved = pagemap_of(head)->calls.migrate_to_ram(head) == 0 && moved;
        phys.drop(head, holder::isolation);
    }
    if (!moved) {
        put_back_all(phys, found.isolated);
        return -err::ebusy;
    }
    // Not movable, not CMA; a THP stays one. Node 0 keeps what may be pinned for ever (spec 10 §14).
    moved = migrate_pages(phys, found.isolated, {.movable = false}).all();
    put_back_all(phys, found.isolated);
    return moved ? -err::eagain : -err::enomem;
}

}  // namespace detail

/// __gup_longterm_locked. Without FOLL_LONGTERM one ordinary (locked) pass.
/// linux_6_12: pins until the pages stand well; the number of rounds without progress is bounded (INV-20).
/// foll_pin_2019: looks at the VMAs afterwards; leaves CMA memory only, and once moving has failed it is not tried again.
template <class P>
[[nodiscard]] long longterm_locked(space<P>& mm, vaddr start, std::uint64_t nr, unsigned flags, gup_target<P> to,
                                   int* locked) {
    if ((flags & foll::longterm) == 0) return slow_locked(mm, start, nr, flags, to, locked);
    physical<P>& phys = mm.phys;
    const auto refuse = [&](int error, rule why) {
        if (to.trace) to.trace->add({path_id::longterm, level::pte, start, 0, 0, error, why.id, why.text, 0, 0, 0});
        return -static_cast<long>(error);
    };
    if (!to.pages) return -err::einval;
    unsigned given = flags;
    if ((given & foll::pin) == 0) given |= foll::get;
    const pin_scope scope(true);
    std::vector<vma*> own_vmas;
    if constexpr (!P::longterm_checks_first) {
        if (!to.vmas) {
            own_vmas.resize(nr);
            to.vmas = own_vmas.data();
        }
    }
    bool may_move = true;
    for (int round = 0;; ++round) {
        const long got = slow_locked(mm, start, nr, flags, to, locked);
        if (got <= 0) return got;
        if constexpr (!P::longterm_checks_first) {
            for (long i = 0; i < got; ++i)
                if (to.vmas[i]->kind == vma_kind::fsdax) {
                    detail::release_all(phys, to.pages, got, given);
                    return refuse(err::eopnotsupp, rules::fsdax_longterm);
                }
            if (!may_move || round == P::longterm_retries) return got;  // it was tried; the last pass counts
        }
        const int moved = detail::check_and_migrate(phys, to.pages, got, given);
        if (moved == 0) return got;
        if (moved != -err::eagain) {
            if constexpr (P::longterm_checks_first)
                return refuse(-moved, {"06-6.migrate", "the page stands in movable memory and cannot be moved: "
                                                       "somebody else holds it"});
            may_move = false;
        }
        if (P::longterm_checks_first && round + 1 == P::longterm_retries)
            return refuse(err::enomem, {"06-6.retries", "the page stands in movable memory and does not leave it"});
    }
}

}  // namespace pinfold::mm
