// SPDX-License-Identifier: BSL-1.0
// FP-GATE: the lookup of an address that no VMA holds and the gate area does. Source: spec 04 FP-GATE.
#pragma once

#include "grab.hpp"
#include "lookup.hpp"
#include "thp.hpp"
#include "trace.hpp"

namespace pinfold::mm {

/// `wanted`: the caller has an array; else the address is merely found, and nothing is counted.
/// Requires: phys.gate.holds(a). Returns: the page, counted by flags (DEF-10), or an error; never neither.
template <class P>
[[nodiscard]] lookup<P> follow_gate(physical<P>& phys, vaddr a, unsigned flags, bool wanted, gup_trace* trace) {
    const auto fail = [&](int error, rule why) -> lookup<P> {
        if (trace) trace->add({path_id::fp_gate, level::pte, a, 0, 0, -error, why.id, why.text, 0, 0, 0});
        return {nullptr, error, 0};
    };
    const entry e = phys.gate.slot.read();  // the kernel's tables stay as they are: no lock
    if ((flags & foll::write) != 0) return fail(-err::efault, {"04-FP-GATE", "nobody may write to the gate area"});
    if (!e.is_leaf()) return fail(-err::efault, {"04-FP-GATE", "the gate area has no page here"});
    frame<P>* page = normal_page(phys, e);
    if (!page && (flags & foll::dump) == 0 && phys.is_zero_page(phys.at(e.number()))) page = phys.zero_page();
    if (!page && wanted) return fail(-err::efault, {"04-FP-GATE", "the gate area maps memory that has no page descriptor"});
    const unsigned counted = wanted ? P::steps::grab_flags(path_id::fp_gate, flags) : 0;
    if (page)
        if (const int refused = grab_stable(phys, page, 1, counted))  // the kernel's own reference is the evidence
            return fail(refused, overflowed);
    if (trace)
        trace->add({path_id::fp_gate, level::pte, a, 1, page ? units_of(page, 1, counted) : 0, 0, "", "", 0, 0, 0});
    return {page, 0, 0};
}

}  // namespace pinfold::mm
