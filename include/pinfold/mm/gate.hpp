// SPDX-License-Identifier: BSL-1.0
// The gate area: one page of the kernel's that every process can read at the same address, above user space and in
// none of its mappings (vsyscall). Source: spec 04 FP-GATE.
#pragma once

#include "entry.hpp"
#include "vma.hpp"

namespace pinfold::mm {

/// The kernel's own page table for it, one entry long, and the VMA that callers are shown.
struct gate_area {
    static constexpr vaddr start = 0xffffffffff600000, end = start + page_size;

    entry_slot slot;  ///< none: this machine has no gate area
    vma mapping;

    [[nodiscard]] bool holds(vaddr a) const noexcept { return a >= start && a < end && !slot.read().is_none(); }

    /// Effects: every process can read frame n here.
    void open(pfn n) noexcept {
        mapping.start = start;
        mapping.end = end;
        mapping.flags = vm::read | vm::exec | vm::mayread | vm::mayexec;
        mapping.kind = vma_kind::gate;
        slot.set(entry::leaf(n, 0));
    }
};

}  // namespace pinfold::mm
