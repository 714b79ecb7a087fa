// SPDX-License-Identifier: BSL-1.0
// Add unless zero or negative, by hand.
#include "by_hand.hpp"

struct frame {
    std::int32_t count;
};

namespace {

constexpr std::int32_t pin_units = 1024;

}  // namespace

[[gnu::cold]] void found_dead(std::int32_t value, std::int32_t units) noexcept;
[[gnu::cold]] unsigned char why_dead(std::int32_t value, std::int32_t units) noexcept;

bool try_pin(frame* p) {
    std::int32_t seen = __atomic_load_n(&p->count, __ATOMIC_RELAXED);
    for (;;) {
        if (seen <= 0) [[unlikely]] {
            found_dead(seen, pin_units);
            return false;
        }
        if (__atomic_compare_exchange_n(&p->count, &seen, seen + pin_units, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) [[likely]]
            return true;
    }
}
bool try_pin_many(frame* p, std::uint64_t n) {
    if (n > 512) [[unlikely]] {
        batch_refused(p, n);
        return false;
    }
    const auto units = static_cast<std::int32_t>(n * pin_units);
    std::int32_t seen = __atomic_load_n(&p->count, __ATOMIC_RELAXED);
    for (;;) {
        if (seen <= 0) [[unlikely]]
            return why_dead(seen, units) == 0;
        if (__atomic_compare_exchange_n(&p->count, &seen, seen + units, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) [[likely]]
            return true;
    }
}
void pin(frame* p) {
    if (__atomic_add_fetch(&p->count, pin_units, __ATOMIC_RELAXED) < 0) [[unlikely]]
        overflowed(p, pin_units);
}
void unpin(frame* p) {
    if (drop(p->count, pin_units)) [[unlikely]]
        last_out(p);
}
void unpin_many(frame* p, std::uint64_t n) {
    if (drop_many(p->count, static_cast<std::int32_t>(n * pin_units))) [[unlikely]]
        last_out(p);
}
bool maybe_pinned(frame* p) {
    return static_cast<std::uint32_t>(__atomic_load_n(&p->count, __ATOMIC_RELAXED)) >= 1024;
}
bool try_get(frame* p) {
    std::int32_t seen = __atomic_load_n(&p->count, __ATOMIC_RELAXED);
    for (;;) {
        if (seen <= 0) [[unlikely]] {
            found_dead(seen, 1);
            return false;
        }
        if (__atomic_compare_exchange_n(&p->count, &seen, seen + 1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) [[likely]]
            return true;
    }
}
void get(frame* p) {
    if (__atomic_add_fetch(&p->count, 1, __ATOMIC_RELAXED) < 0) [[unlikely]]
        overflowed(p, 1);
}
void put(frame* p) {
    if (drop_one(p->count)) [[unlikely]]
        last_out(p);
}
void put_many(frame* p, std::uint64_t n) {
    if (drop_many(p->count, static_cast<std::int32_t>(n))) [[unlikely]]
        last_out(p);
}
