// SPDX-License-Identifier: BSL-1.0
// What a filesystem does with a page that is to be written back while a device may be writing to it. Linux does nothing
// about it; the others are the remedies that were discussed. Source: spec 07 §10, HAZ-WB.
#pragma once

namespace pinfold::mm {

enum class writeback_answer : unsigned char {
    write,       ///< as it is: what the device writes meanwhile may or may not get there
    skip,        ///< not now: it stays dirty
    bounce,      ///< a copy made now is written: what is under I/O holds still
    stay_dirty,  ///< as it is, and it stays dirty: the next writeback comes back to it
};

/// Both profiles.
struct ignore_pins {
    /// Asked after the page was cleaned everywhere and before its I/O begins.
    template <class Frame>
    [[nodiscard]] static writeback_answer on_writeback(const Frame&, bool) noexcept {
        return writeback_answer::write;
    }
    /// Called while the page is under I/O; no lock is held.
    template <class Frame>
    static void under_io(const Frame&) {}
};
/// Derive from it to have `Answer` for every page that may be pinned.
template <writeback_answer Answer>
struct mind_pins : ignore_pins {
    template <class Frame>
    [[nodiscard]] static writeback_answer on_writeback(const Frame&, bool maybe_pinned) noexcept {
        return maybe_pinned ? Answer : writeback_answer::write;
    }
};
using skip_pinned = mind_pins<writeback_answer::skip>;
using bounce_pinned = mind_pins<writeback_answer::bounce>;
using keep_pinned_dirty = mind_pins<writeback_answer::stay_dirty>;

}  // namespace pinfold::mm
