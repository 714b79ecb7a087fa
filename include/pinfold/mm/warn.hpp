// SPDX-License-Identifier: BSL-1.0
// The WARN sites of one machine: how often each condition was true, reported once each. Source: spec 01 §7,
// spec 04 Part D.
#pragma once

#include <cstdint>

#include "../core/contract.hpp"
#include "lock.hpp"

namespace pinfold::mm {

enum class warn_id : unsigned char {
    pte_get_pin, huge_pmd_get_pin, devmap_pmd_get_pin, devmap_pud_get_pin, huge_addr_get_pin, devmap_pmd_cow,
    devmap_pmd_grab, devmap_pud_grab, pmd_trans_huge_grab, huge_pmd_grab, huge_pd_grab, hugetlb_range_grab,
    huge_pd_none, grab_negative, grab_noflag, grab_batch, grab_both, devmap_fast_late_fail, follow_page_pin,
    api_internal_flag, api_locked, api_get_pin, api_longterm_get, api_no_pages, api_longterm_p2pdma,
    api_fast_flags, api_pin_at_get, api_get_at_pin, api_longterm, api_nothing_done, unpin_errno, unpin_not_exclusive,
    add_pin_unpinned, bad_page, double_free, slab, devmap_missing_callback, devmap_overlap, devmap_no_free, devmap_dying_hand_out,
    devmap_removed_busy, dax_busy_entry, dirty_unprepared, writeback_unprepared, count_,
};

[[nodiscard]] constexpr const char* name_of(warn_id w) noexcept {
    constexpr const char* names[] = {
        "WARN:FP-PTE:get+pin", "WARN:FP-HUGE-PMD:get+pin", "WARN:FP-DEVMAP-PMD:get+pin", "WARN:FP-DEVMAP-PUD:get+pin",
        "WARN:FP-HUGE-ADDR:getpin", "WARN:FP-DEVMAP-PMD:cow", "WARN:FP-DEVMAP-PMD:grab", "WARN:FP-DEVMAP-PUD:grab",
        "WARN:FP-PMD-TRANS-HUGE:grab", "WARN:FP-HUGE-PMD:grab", "WARN:FP-HUGE-PD:grab", "WARN:FP-HUGETLB-RANGE:grab",
        "WARN:FP-HUGE-PD:none", "WARN:GRAB:negative", "WARN:GRAB:noflag", "WARN:GRAB:batch", "WARN:GRAB:get+pin",
        "WARN:DEVMAP/F:late-fail", "WARN:FP-FOLLOW-PAGE:pin", "WARN:API:internal-flag", "WARN:API:locked",
        "WARN:API:get+pin", "WARN:API:longterm-without-pin", "WARN:API:no-pages", "WARN:API:longterm+p2pdma",
        "WARN:API:fast-flags", "WARN:API:pin-at-get", "WARN:API:get-at-pin", "WARN:API:longterm",
        "WARN:API:nothing-done", "WARN:UNPIN:errno", "WARN:UNPIN:not-exclusive", "WARN:ADD-PIN:unpinned",
        "WARN:FREE:bad-page", "WARN:FREE:double", "WARN:FAST:slab",
        "WARN:DEVMAP:missing-callback", "WARN:DEVMAP:overlap", "WARN:DEVMAP:no-free", "WARN:DEVMAP:dying-hand-out",
        "WARN:DEVMAP:removed-busy", "WARN:DAX:busy-entry", "WARN:DIRTY:unprepared",
        "WARN:WRITEBACK:unprepared"};
    static_assert(sizeof(names) / sizeof(names[0]) == static_cast<unsigned>(warn_id::count_));
    return names[static_cast<unsigned>(w)];
}

/// Called for the first event of each site; null: the process-wide handler of core/contract.hpp.
using machine_warn_handler = void (*)(warn_id, std::int64_t value) noexcept;

/// Synchronises: with nothing; the counters are exact, and exactly one thread reports.
class warnings {
public:
    /// Effects: counts the event; the first one is reported. `value` says what was seen (a count word, a flag).
    PINFOLD_DETAIL_COLD void emit(warn_id w, std::int64_t value) noexcept {
        if (hits_[static_cast<unsigned>(w)].fetch_grab(1) != 0) return;
        if (handler_) handler_(w, value);
        else detail_report(w, value);
    }

    [[nodiscard]] std::uint64_t hits(warn_id w) const noexcept {
        return static_cast<std::uint64_t>(hits_[static_cast<unsigned>(w)].load());
    }
    [[nodiscard]] bool reported(warn_id w) const noexcept { return hits(w) != 0; }
    [[nodiscard]] std::uint64_t total() const noexcept {
        std::uint64_t n = 0;
        for (const word64& h : hits_) n += static_cast<std::uint64_t>(h.load());
        return n;
    }
    void reset() noexcept {
        for (word64& h : hits_) h.store(0);
    }
    void set_handler(machine_warn_handler h) noexcept { handler_ = h; }

private:
    static void detail_report(warn_id w, std::int64_t value) noexcept {
        warn_site once{name_of(w)};
        once.emit("condition that cannot happen", 0, value, 0);
    }

    word64 hits_[static_cast<unsigned>(warn_id::count_)];
    machine_warn_handler handler_ = nullptr;
};

}  // namespace pinfold::mm
