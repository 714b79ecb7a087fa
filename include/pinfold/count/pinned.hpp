// SPDX-License-Identifier: BSL-1.0
// The answer to "may a device be writing to this page?".
#pragma once

namespace pinfold {

/// no: certainly no live pin. maybe: a pin, or many references. certainly: at least one live pin.
/// Code that asks must be right when `maybe` is a false positive, and must not assert that a pin holder exists.
/// Converts to bool as "not no". Source: spec 01 §5.
class [[nodiscard]] pinned {
public:
    enum answer : unsigned char { no, maybe, certainly };

    constexpr pinned(answer a) noexcept : answer_(a) {}
    constexpr explicit operator bool() const noexcept { return answer_ != no; }
    [[nodiscard]] constexpr answer value() const noexcept { return answer_; }
    friend constexpr bool operator==(pinned, pinned) = default;

private:
    answer answer_;
};

}  // namespace pinfold
