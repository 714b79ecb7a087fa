// SPDX-License-Identifier: BSL-1.0
// The single steps at which the reviewed patch and the modern code went wrong, one function each. A profile takes
// `right_steps`; a test of a defect derives from it and puts the posted form of one step in its place, so that the
// same walks show the symptom. Inline and static: a step costs what it would cost at its call site. Source: spec 08.
#pragma once

#include <cstdint>

#include "error.hpp"
#include "foll.hpp"
#include "lookup.hpp"
#include "trace.hpp"

namespace pinfold::mm {

struct right_steps {
    // ---- taking units --------------------------------------------------------------------------------------
    /// Returns: which of GET and PIN the grab of a path honours: all it was given (DEF-08, DEF-10).
    static constexpr unsigned grab_flags(path_id, unsigned flags) noexcept { return flags; }
    /// Returns: units for `slots` slots of one huge entry (DEF-03).
    static constexpr std::uint64_t leaf_units(std::uint64_t slots, unsigned) noexcept { return slots; }
    /// Returns: whether the head that was raised is still the page's (DEF-14).
    template <class Phys, class Page>
    static bool head_is_still(const Phys& phys, Page* page, const Page* head) noexcept {
        return phys.head(page) == head;
    }
    /// Returns: what a pte walk goes on with as the head of its page (DEF-02).
    template <class Page>
    static Page* head_of_slot(Page*, Page* head) noexcept {
        return head;
    }
    /// Effects: the n - 1 units of a mapping unit whose first one is held. Returns: 0 or a negative errno (DEF-M4).
    template <class Phys, class Page>
    static int take_rest(Phys& phys, Page* page, std::uint64_t n, unsigned flags) {
        return grab_stable(phys, page, n - 1, flags);
    }

    // ---- looking again -------------------------------------------------------------------------------------
    /// Effects: what was added is seen by whoever clears the entry and then looks at the count, unless the walk sees the
    /// entry cleared (spec 01 §3, B3).
    template <class Count>
    static void fence_behind_grab() noexcept {
        Count::fence();
    }
    /// Returns: whether the entry is what it was before its page was grabbed.
    template <class Slot, class Entry>
    static bool entry_is_still(const Slot& slot, Entry seen) noexcept {
        return slot.read() == seen;
    }
    /// Returns: whether the entry above the ptes is what it was: collapse changes only that one (DEF-15).
    template <class Slot, class Entry>
    static bool table_is_still(const Slot& upper, Entry seen) noexcept {
        return upper.read() == seen;
    }
    /// Returns: whether a folio that cannot be made accessible ends the whole walk (DEF-M6).
    static constexpr bool inaccessible_ends_walk() noexcept { return true; }

    /// Effects: the walks are over that may stand in a table of ptes which a collapse has just unhooked (DEF-15, too).
    template <class Section>
    static void wait_for_walks() noexcept {
        Section::wait_for_others();
    }

    // ---- giving units back ---------------------------------------------------------------------------------
    /// Effects: takes back the one unit of a pte whose entry changed (DEF-01).
    template <class Phys, class Page>
    static void undo_pte(Phys& phys, Page* page, unsigned flags) {
        ungrab(phys, page, 1, flags);
    }
    /// Effects: takes back, on the head, what a huge entry's slots took; `first` is the first slot's page (DEF-04).
    template <class Phys, class Page>
    static void undo_leaf(Phys& phys, Page* first, Page* head, std::uint64_t slots, unsigned flags) {
        (void)first;
        ungrab(phys, head, slots, flags);
    }
    /// Effects: nothing of a refused device page is left to clean up (DEF-12).
    template <class Phys, class Page>
    static void device_refused(Phys&, Page*) noexcept {}
    /// Effects: releases one page of a long-term call that failed, by flags (DEF-13).
    template <class Phys, class Page>
    static void give_back_longterm(Phys& phys, Page* page, unsigned flags) {
        ungrab(phys, page, 1, flags);
    }
    /// Effects: n pins go; counted before the page can (DEF-11).
    template <class Phys, class Page>
    static void unpin(Phys&, Page* page, std::uint64_t n) noexcept {
        Phys::ops::unpin(page, n);
    }
    /// Returns: whether `next` belongs to the same run of pages of `head`; a null never does (DEF-M5).
    template <class Phys, class Page>
    static bool same_run(const Phys& phys, Page* next, const Page* head) noexcept {
        return next && phys.head(next) == head;
    }

    // ---- what the caller hears -----------------------------------------------------------------------------
    /// Returns: the answer for the architecture's own page: itself, or an error where it would be counted (DEF-05).
    template <class P>
    static lookup<P> huge_addr_answer(frame<P>* page, bool counted) noexcept {
        return counted ? lookup<P>{nullptr, -err::efault, 0} : lookup<P>{page, 0, 0};
    }
    /// Returns: whether a lookup that has no page to give ends a call that has slots to fill (DEF-07).
    static constexpr bool empty_slot_ends_call() noexcept { return true; }
    /// Returns: whether slots and units go together: an array if and only if there is a flag to count by (DEF-09).
    static constexpr bool slots_are_counted(bool array, unsigned flags) noexcept {
        return array == ((flags & (foll::get | foll::pin)) != 0);
    }
    /// Returns: whether there is nothing to walk for (DEF-M2).
    static constexpr bool nothing_asked(std::uint64_t start, std::uint64_t end) noexcept { return start == end; }
};

/// An architecture that must make a folio accessible to the device before it is pinned.
struct always_accessible {
    /// Returns: 0 or a negative errno.
    template <class Page>
    static constexpr int make_accessible(Page&) noexcept {
        return 0;
    }
};

}  // namespace pinfold::mm
