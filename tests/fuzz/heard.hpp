// SPDX-License-Identifier: BSL-1.0
// A warning sink that counts.
#pragma once

#include <cstdint>

#include "../exhaustive/oracle.hpp"

namespace fuzz {

struct heard {
    static inline oracle::warnings seen{};
    static void negative(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.negative; }
    static void batch(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.batch; }
    static void saturated(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.saturated; }
    static void underflow(std::int64_t, std::int64_t, std::uint64_t) noexcept { ++seen.underflow; }
};

}  // namespace fuzz
