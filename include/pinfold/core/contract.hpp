// SPDX-License-Identifier: BSL-1.0
// The three tiers of failure that are not return values:
//   a broken precondition  -> PINFOLD_ASSERT, a replaceable handler, default: report and trap;
//   an event that "cannot happen" but must not stop the machine -> a WARN-once site, a replaceable handler;
//   a policy that asked to stop -> trap_now.
#pragma once

#include <cstdint>
#include <cstdio>

#include "config.hpp"

namespace pinfold {

/// What a warning says: the limit, what was in use, and what was asked for (units of the count word).
struct warn_report {
    const char* site = "";
    const char* what = "";
    std::int64_t limit = 0;
    std::int64_t used = 0;
    std::uint64_t needed = 0;
};

using warn_handler = void (*)(const warn_report&) noexcept;
using violation_handler = void (*)(const char* condition, const char* file, int line) noexcept;

namespace detail {

inline void print_warning(const warn_report& r) noexcept {
    std::fprintf(stderr, "pinfold: WARN at %s: %s (limit %lld, used %lld, needed %llu)\n", r.site, r.what,
                 static_cast<long long>(r.limit), static_cast<long long>(r.used),
                 static_cast<unsigned long long>(r.needed));
}

inline void print_violation(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: pinfold: precondition does not hold: %s\n", file, line, condition);
    __builtin_trap();
}

inline warn_handler on_warning = &print_warning;
inline violation_handler on_violation = &print_violation;

}  // namespace detail

/// Effects: installs `h` for every WARN report of the process; nullptr restores the one that prints to stderr.
/// Returns: the handler before. Synchronises: with nothing; install it before threads start.
inline warn_handler set_warn_handler(warn_handler h) noexcept {
    warn_handler before = detail::on_warning;
    detail::on_warning = h ? h : &detail::print_warning;
    return before;
}

/// Effects: installs `h` for broken preconditions (PINFOLD_CHECKS); nullptr restores the one that traps.
/// A handler that returns lets the program go on. Returns: the handler before.
inline violation_handler set_violation_handler(violation_handler h) noexcept {
    violation_handler before = detail::on_violation;
    detail::on_violation = h ? h : &detail::print_violation;
    return before;
}

/// One place in the code that may warn. It reports the first time only and counts every time (spec 01 §7).
/// Synchronises: with nothing; the counter is exact, and exactly one thread reports.
class warn_site {
public:
    constexpr explicit warn_site(const char* name) noexcept : name_(name) {}
    warn_site(const warn_site&) = delete;
    warn_site& operator=(const warn_site&) = delete;

    /// Effects: counts the event; the first one since construction or reset() reaches the handler.
    PINFOLD_DETAIL_COLD void emit(const char* what, std::int64_t limit, std::int64_t used,
                                  std::uint64_t needed) noexcept {
        if (__atomic_fetch_add(&hits_, 1, __ATOMIC_RELAXED) == 0)
            detail::on_warning(warn_report{name_, what, limit, used, needed});
    }

    [[nodiscard]] const char* name() const noexcept { return name_; }
    /// Returns: how often the condition was true.
    [[nodiscard]] std::uint64_t hits() const noexcept { return __atomic_load_n(&hits_, __ATOMIC_RELAXED); }
    /// Returns: whether the report was emitted.
    [[nodiscard]] bool reported() const noexcept { return hits() != 0; }
    void reset() noexcept { __atomic_store_n(&hits_, 0, __ATOMIC_RELAXED); }

private:
    const char* name_;
    std::uint64_t hits_ = 0;
};

/// The sites of the counting primitives, named as in spec 04 Part D.
namespace sites {
inline constinit warn_site grab_negative{"WARN:GRAB:negative"};
inline constinit warn_site grab_batch{"WARN:GRAB:batch"};
inline constinit warn_site grab_saturated{"WARN:GRAB:saturated"};
inline constinit warn_site drop_underflow{"WARN:DROP:underflow"};
}  // namespace sites

/// The default warning sink of a count policy: the process-wide sites above.
///
/// A type S is a warning sink if and only if its four functions are callable as below and do not throw.
/// | expression                       | returns | means                                                   |
/// |----------------------------------|---------|---------------------------------------------------------|
/// | S::negative(limit, used, needed) | void    | a grab met an overflowed word, or made it overflow       |
/// | S::batch(limit, used, needed)    | void    | a batch is larger than limit                            |
/// | S::saturated(limit, used, needed)| void    | a saturating word reached its saturation value          |
/// | S::underflow(limit, used, needed)| void    | a saturating word was released below zero               |
struct process_warnings {
    static void negative(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept {
        sites::grab_negative.emit("the count word is negative: it has overflowed", limit, used, needed);
    }
    static void batch(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept {
        sites::grab_batch.emit("batch exceeds the count word, grab refused", limit, used, needed);
    }
    static void saturated(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept {
        sites::grab_saturated.emit("count word saturated, the page will never be freed", limit, used, needed);
    }
    static void underflow(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept {
        sites::drop_underflow.emit("released more than was held", limit, used, needed);
    }
};

namespace detail {
[[noreturn]] PINFOLD_DETAIL_COLD inline void trap_now(const warn_report& r) noexcept {
    on_warning(r);
    __builtin_trap();
}
}  // namespace detail

}  // namespace pinfold

#if PINFOLD_CHECKS
#define PINFOLD_ASSERT(condition) \
    (__builtin_expect(!(condition), 0) ? ::pinfold::detail::on_violation(#condition, __FILE__, __LINE__) : void(0))
#else
#define PINFOLD_ASSERT(condition) void(0)
#endif
