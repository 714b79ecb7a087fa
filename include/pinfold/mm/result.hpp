// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace pinfold::mm {

/// A value or a negative errno.
template <class T>
struct [[nodiscard]] result {
    T value{};
    int error = 0;

    explicit operator bool() const noexcept { return error == 0; }
    const T& operator*() const noexcept { return value; }
};

}  // namespace pinfold::mm
