// SPDX-License-Identifier: BSL-1.0
// FP-HUGE-ADDR: architectures of 2019 could answer for an address before any table was looked at. A policy of the
// profile; the default says "not mine" and costs nothing. Source: spec 04 FP-HUGE-ADDR.
#pragma once

#include "error.hpp"
#include "foll.hpp"
#include "lookup.hpp"
#include "physical.hpp"
#include "trace.hpp"

namespace pinfold::mm {

/// The page such a hook answers has no count: GET or PIN get one WARN and an error, never the page (DEF-05).
/// Returns: whether the architecture answered; `out` is set then.
template <class P>
[[nodiscard]] bool follow_huge_addr(physical<P>& phys, vaddr a, unsigned flags, gup_trace* trace, lookup<P>& out) {
    if constexpr (!P::huge_addr::enabled) {
        (void)phys, (void)a, (void)flags, (void)trace, (void)out;
        return false;
    } else {
        frame<P>* const page = P::huge_addr::template page_at<P>(phys, a, (flags & foll::write) != 0);
        if (!page) return false;
        const bool counted = (flags & (foll::get | foll::pin)) != 0;
        constexpr rule why{"04-FP-HUGE-ADDR", "the architecture's own page for this address cannot be counted"};
        if (counted) phys.warn.emit(warn_id::huge_addr_get_pin, static_cast<std::int64_t>(flags));
        out = P::steps::template huge_addr_answer<P>(page, counted);
        if (trace)
            trace->add({path_id::fp_huge_addr, level::pgd, a, counted ? 0U : 1U, 0, counted ? err::efault : 0,
                        counted ? why.id : "", counted ? why.text : "", 0, 0, 0});
        return true;
    }
}

}  // namespace pinfold::mm
