// SPDX-License-Identifier: BSL-1.0
// Why a grab was refused: one enumeration for the whole library, its text, and its errno.
#pragma once

namespace pinfold {

/// The reason of a refusal. `ok` is zero: a result is tested against it by one comparison.
enum class errc : unsigned char {
    ok = 0,
    dead,          ///< the head is free, frozen or being freed; nobody may raise its count
    overflow,      ///< the count word is negative: more units than the word can hold
    batch_limit,   ///< n is larger than one batch may be; nothing was added
    pins_blocked,  ///< block_pins() is in force; references are still granted
    moved,         ///< the page changed its head during a batch that may not be retried
};

/// Returns: one English sentence without a full stop.
[[nodiscard]] constexpr const char* message(errc e) noexcept {
    switch (e) {
        case errc::ok: return "granted";
        case errc::dead: return "the page is free, frozen or being freed";
        case errc::overflow: return "the count word has overflowed";
        case errc::batch_limit: return "the batch is larger than the count word allows";
        case errc::pins_blocked: return "pins are blocked on this page";
        case errc::moved: return "the page moved to another head";
    }
    return "unknown error";
}

/// The errno a Linux caller would see for this refusal, as a positive number (12 is ENOMEM, 11 EAGAIN,
/// 16 EBUSY). Source: spec 04 §0.
[[nodiscard]] constexpr int to_errno(errc e) noexcept {
    switch (e) {
        case errc::ok: return 0;
        case errc::dead: return 12;
        case errc::overflow: return 12;
        case errc::batch_limit: return 12;
        case errc::pins_blocked: return 16;
        case errc::moved: return 11;
    }
    return 22;
}

/// What a release made of the count: at most one thread sees each crossing (design idea 4).
enum class [[nodiscard]] crossing : unsigned char {
    none,  ///< still held
    idle,  ///< the count is exactly 1
    zero,  ///< the count was 0 and this thread killed the head: it alone may free it
};

/// The result of a fallible grab.
/// `undo` tells what the undo of a refused grab reached: the undo is a full release (I4), so it may be the
/// last one, and then the caller owes what a release owes.
struct [[nodiscard]] outcome {
    errc error = errc::ok;
    crossing undo = crossing::none;

    constexpr explicit operator bool() const noexcept { return error == errc::ok; }
    friend constexpr bool operator==(outcome, outcome) = default;
};

}  // namespace pinfold
