// SPDX-License-Identifier: BSL-1.0
// Places at which a test lets another actor act; the product has nothing there. Source: spec 05 §6.
#pragma once

namespace pinfold::mm {

/// The points of the lockless walk at which another actor may act (spec 05 §6), and those of whoever maps a page or
/// takes its mappings away.
enum class race_point : unsigned char {
    before_walk,        ///< RP-0
    entry_read,         ///< RP-1: after reading E, before resolving the head
    head_resolved,      ///< RP-2: before the speculative add
    added,              ///< RP-3: before the head re-check
    head_checked,       ///< RP-4: before the entry re-check
    entry_checked,      ///< RP-5: before the slot is published
    between_entries,    ///< RP-6
    after_walk,         ///< RP-7: before the write_protect_seq check
    before_fallback,    ///< RP-8: between fast result and slow path
    page_found,         ///< a fault holds a page of a file, and no lock of it
    unmapped,           ///< nothing maps a folio that is to go from its place, and its file's lock is not taken yet
    moved,              ///< a folio is at its new place, or stays; its entries do not show it yet
    cleared,            ///< the entry of a huge page of a pool is empty; its lock is still held
    entry_taken,        ///< an entry is about to be split, or to show that its page moves; its lock is still held
    slots_alone,        ///< a fault has seen that nobody else uses the slots it reads; its entry's lock is still held
    count_,
};
struct no_races {
    static void at(race_point) noexcept {}
};

}  // namespace pinfold::mm
