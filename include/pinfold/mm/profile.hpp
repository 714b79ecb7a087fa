// SPDX-License-Identifier: BSL-1.0
// A profile is a bundle: every place where the two versions of the MM differ, as a named alias or constant. The
// code is shared; it never asks which profile it runs in, only for the rule it is about. Derive from a profile to
// change one rule. Source: spec 00 §4.
#pragma once

#include "../pinfold.hpp"
#include "device_policy.hpp"
#include "entry.hpp"
#include "error.hpp"
#include "frame.hpp"
#include "ledger.hpp"
#include "memmap.hpp"
#include "race_point.hpp"
#include "steps.hpp"
#include "walk_form.hpp"
#include "writeback_policy.hpp"

namespace pinfold::mm {

/// FP-HUGE-ADDR, the architecture's own answer for an address. One that is enabled offers
///   template <class P> static frame<P>* page_at(physical<P>&, std::uint64_t address, bool write);   null: not mine
struct no_huge_addr {
    static constexpr bool enabled = false;
};

template <class P>
class entry_points_2019;
template <class P>
class entry_points_6_12;

/// What both profiles share by default; tests replace single aliases.
struct profile_defaults {
    using memmap = flat_memmap;
    using ledger = no_ledger;
    using races = no_races;
    using huge_addr = no_huge_addr;
    using walk = walk_in_wide_blocks;             ///< how the lockless walk takes ptes
    using writeback = ignore_pins;                ///< what becomes of a page that is pinned and written back (HAZ-WB)
    using steps = right_steps;                ///< tests of spec 08 put single faulty steps in
    using folio_access = always_accessible;   ///< what an architecture does before a folio is pinned
    using overflow = pinfold::refuse;             ///< of every count; saturate where no device page idles at 1
    using liveness = pinfold::zero_is_dead;       ///< of every count
    static constexpr bool p4d_folded = true;
    static constexpr bool poisons_freed = false;  ///< overwrite the contents of freed frames
    static constexpr int longterm_retries = 10;   ///< bound of spec 06 §6's unbounded retry (INV-20)
};

/// The reviewed patch of November 2019 with every comment applied. Source: spec 08.
struct foll_pin_2019 : profile_defaults {
    static constexpr const char* name = "foll_pin_2019";
    using pins = pinfold::overlay_pins<1024>;
    using devices = one_based_2019;

    // Counting
    static constexpr bool zero_page_exempt = false;
    static constexpr bool slow_grab_speculates = true;  ///< user_page_ref_inc in the slow path too
    static constexpr bool slow_batches = false;         ///< one page per lookup when there is an array
    static constexpr int refused_huge = err::efault;    ///< refused grab on a huge pmd, beside its own WARN
    static constexpr bool warns_refused_huge = true;
    static constexpr bool pfn_refuses_in_place = true;  ///< FP-PFN answers -EFAULT for GET and PIN itself
    static constexpr bool touch_before_grab = true;     ///< FP-PMD-TRANS-HUGE step 4 before step 6
    static constexpr bool counts_added_pins = true;     ///< folio_add_pin is a pin acquired, as it is one released

    // hugetlb
    static constexpr bool has_hugepd = true;              ///< huge pages of sizes no level of the tables has
    static constexpr bool hugetlb_range_walk = true;      ///< FP-HUGETLB-RANGE fills many slots in one walk
    static constexpr bool hugetlb_cached_by_page = false; ///< the page cache holds one reference, not one per page
    static constexpr bool hugetlb_unmap_restores = false; ///< an unmapped page brings its promise back when freed
    static constexpr bool buffers_coalesce = false;       ///< io_uring keeps one pin per folio

    // Permissions
    static constexpr bool anon_exclusive = false;       ///< AnonExclusive, unshare, exclusive-page rules
    static constexpr bool lookup_flags_2019 = true;     ///< FOLL_SPLIT, FOLL_MIGRATION, FOLL_MLOCK and FOLL_POPULATE exist
    static constexpr bool cow_flag = true;              ///< forced writes by FOLL_COW and a dirty entry
    static constexpr bool longterm_checks_first = false;  ///< VMA rules before pinning
    static constexpr bool longterm_needs_pin = false;
    static constexpr bool longterm_leaves_movable = false;  ///< long-term pins avoid CMA memory only
    static constexpr bool execute_only_keys = true;
    static constexpr int signal_error = err::erestartsys;
    static constexpr bool gup_grows_stacks = true;      ///< a lookup below a stack makes it longer, as an access does
    static constexpr bool vma_errors_pass = false;      ///< false: every failed VMA check is -EFAULT

    // fork and reclaim
    static constexpr bool fork_copies_untouched_anon = true;   ///< also what was only read is copied
    static constexpr bool fork_copies_pinned = false;          ///< pinned pages are shared too (HAZ-COW)
    static constexpr bool split_maps_zeros = false;            ///< split-off pages that are all zero are replaced
    static constexpr int split_refused = err::ebusy;           ///< a folio somebody holds is to be split
    static constexpr bool faults_map_folios = false;           ///< one pte fault maps all of a large shmem folio
    static constexpr bool collapse_takes_shared = false;       ///< also pages other processes map are collapsed
    static constexpr bool has_collapse_advice = false;         ///< MADV_COLLAPSE; before it, only the daemon collapsed
    static constexpr bool has_small_thp = false;               ///< anonymous large folios of less than a pmd
    static constexpr bool unprepared_is_a_bug = true;          ///< writeback of a page dirtied without its buffers warns
    static constexpr bool numa_marks_all = true;               ///< hinting faults for pinned and shared pages too
    static constexpr bool soft_dirty_spares_pinned = false;    ///< a clean slate write-protects pinned pages too
    static constexpr bool reclaim_keeps_pinned = false;        ///< a pinned page loses its entries (spec 07 §8)

    // Entry points
    template <class P>
    using entry_points = entry_points_2019<P>;
    static constexpr bool reports_nothing_done = false;       ///< the locked loop answers an error where nothing was done
    static constexpr int bad_pin_result = -err::einval;
    static constexpr bool fast_pins_are_noted = false;  ///< has_pinned, write_protect_seq
    static constexpr bool fast_heeds_guards = true;     ///< INV-14 without exception
    static constexpr bool fast_asks_folio = false;      ///< gup_fast_folio_allowed
};

/// Linux 6.12. Source: spec 10 wins where another file differs.
struct linux_6_12 : profile_defaults {
    static constexpr const char* name = "linux_6_12";
    using pins = pinfold::hybrid_word_pins<large_folio{}, 1024>;  ///< of large folios exact, as ever; in the same word
    using devices = one_based_6_12;
    using liveness = pinfold::sticky_dead_within<4096, 64>;  ///< answers as zero_is_dead; a pin is one add, no loop

    static constexpr bool zero_page_exempt = true;
    static constexpr bool slow_grab_speculates = false;
    static constexpr bool slow_batches = true;
    static constexpr int refused_huge = err::enomem;
    static constexpr bool warns_refused_huge = false;
    static constexpr bool pfn_refuses_in_place = false;
    static constexpr bool touch_before_grab = false;
    static constexpr bool counts_added_pins = false;    ///< DEF-M1, as recorded

    static constexpr bool has_hugepd = false;
    static constexpr bool hugetlb_range_walk = false;
    static constexpr bool hugetlb_cached_by_page = true;
    static constexpr bool hugetlb_unmap_restores = true;
    static constexpr bool buffers_coalesce = true;

    static constexpr bool anon_exclusive = true;
    static constexpr bool lookup_flags_2019 = false;
    static constexpr bool cow_flag = false;
    static constexpr bool longterm_checks_first = true;
    static constexpr bool longterm_needs_pin = true;
    static constexpr bool longterm_leaves_movable = true;
    static constexpr bool execute_only_keys = true;
    static constexpr int signal_error = err::eintr;
    static constexpr bool gup_grows_stacks = false;
    static constexpr bool vma_errors_pass = true;

    static constexpr bool fork_copies_untouched_anon = false;
    static constexpr bool fork_copies_pinned = true;
    static constexpr bool split_maps_zeros = true;
    static constexpr int split_refused = err::eagain;
    static constexpr bool faults_map_folios = true;
    static constexpr bool collapse_takes_shared = true;
    static constexpr bool has_collapse_advice = true;
    static constexpr bool has_small_thp = true;
    static constexpr bool unprepared_is_a_bug = false;
    static constexpr bool numa_marks_all = false;
    static constexpr bool soft_dirty_spares_pinned = true;
    static constexpr bool reclaim_keeps_pinned = true;

    template <class P>
    using entry_points = entry_points_6_12<P>;
    static constexpr bool reports_nothing_done = true;
    static constexpr int bad_pin_result = 0;
    static constexpr bool fast_pins_are_noted = true;
    static constexpr bool fast_heeds_guards = false;    ///< NR-1
    static constexpr bool fast_asks_folio = true;
};

}  // namespace pinfold::mm
