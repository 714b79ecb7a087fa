// SPDX-License-Identifier: BSL-1.0
// The version of the library, as numbers a program can compare.
#pragma once

namespace pinfold {

inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

}  // namespace pinfold
