// SPDX-License-Identifier: BSL-1.0
// What tests of one count share: a warning sink that counts, and policies named in a line.
#pragma once

#include <pinfold/pinfold.hpp>

#include <cstdint>

namespace testing {

/// Counts the events; the last one's numbers are kept. For one thread.
struct recorder {
    static inline int negative_ = 0, batch_ = 0, saturated_ = 0, underflow_ = 0;
    static inline std::int64_t limit = 0, used = 0;
    static inline std::uint64_t needed = 0;

    static void reset() { negative_ = batch_ = saturated_ = underflow_ = 0; }
    static int all() { return negative_ + batch_ + saturated_ + underflow_; }

    static void negative(std::int64_t l, std::int64_t u, std::uint64_t n) noexcept { ++negative_, keep(l, u, n); }
    static void batch(std::int64_t l, std::int64_t u, std::uint64_t n) noexcept { ++batch_, keep(l, u, n); }
    static void saturated(std::int64_t l, std::int64_t u, std::uint64_t n) noexcept { ++saturated_, keep(l, u, n); }
    static void underflow(std::int64_t l, std::int64_t u, std::uint64_t n) noexcept { ++underflow_, keep(l, u, n); }

private:
    static void keep(std::int64_t l, std::int64_t u, std::uint64_t n) noexcept { limit = l, used = u, needed = n; }
};

/// Linux's count: overlay of 1024 in 32 bits, zero is dead, overflow refused, nothing promised.
struct linux_count : pinfold::count_defaults {
    using word = pinfold::unsync_word<std::int32_t>;
    using liveness = pinfold::zero_is_dead;
    using warnings = recorder;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
};

/// The default policy, for one thread.
struct sticky_count : pinfold::count_defaults {
    using word = pinfold::unsync_word<std::int32_t>;
    using warnings = recorder;
};

/// Counts broken preconditions for as long as it lives.
struct violations {
    static inline int seen = 0;
    violations() { seen = 0, before_ = pinfold::set_violation_handler([](const char*, const char*, int) noexcept { ++seen; }); }
    ~violations() { pinfold::set_violation_handler(before_); }
    violations(const violations&) = delete;
    violations& operator=(const violations&) = delete;

private:
    pinfold::violation_handler before_;
};

}  // namespace testing
