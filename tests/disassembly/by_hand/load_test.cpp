// SPDX-License-Identifier: BSL-1.0
// The defaults with a look before the add, by hand.
#include "by_hand.hpp"

struct frame {
    std::int32_t count;
};

namespace {

constexpr std::int32_t pin_units = 1024;
constexpr std::uint32_t dead = 3u << 30;                   // -2^30
constexpr std::uint32_t in_flight = 1024u * 512u * 1024u;  // holders x batch x units of a pin

bool is_dead(std::int32_t value) noexcept { return static_cast<std::uint32_t>(value) - dead <= in_flight; }

bool looks_pinned(std::int32_t value) noexcept {
    if (static_cast<std::uint32_t>(value) < pin_units) return false;
    return !is_dead(value);
}

}  // namespace

[[gnu::cold]] void look_refused(frame* p, std::int64_t units) noexcept;

bool try_pin(frame* p) {
    const std::int32_t seen = __atomic_load_n(&p->count, __ATOMIC_RELAXED);
    if (is_dead(seen)) [[likely]]
        return false;
    if (seen < 0) [[unlikely]] {
        look_refused(p, pin_units);
        return false;
    }
    if (__atomic_add_fetch(&p->count, pin_units, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {
        take_back(p, pin_units);
        return false;
    }
    return true;
}

namespace {

/// Why n pins are refused; 0: they are granted.
[[gnu::always_inline]] inline unsigned char pins_refused(frame* p, std::uint64_t n) {
    if (n > 512) [[unlikely]] {
        batch_refused(p, n);
        return 3;
    }
    const auto units = static_cast<std::int32_t>(n * pin_units);
    const std::int32_t seen = __atomic_load_n(&p->count, __ATOMIC_RELAXED);
    if (is_dead(seen)) [[likely]]
        return 1;
    if (seen < 0) [[unlikely]] {
        look_refused(p, units);
        return 2;
    }
    if (__atomic_add_fetch(&p->count, units, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {
        take_back(p, units);
        return 2;
    }
    return 0;
}

}  // namespace

bool try_pin_many(frame* p, std::uint64_t n) { return pins_refused(p, n) == 0; }
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
    return looks_pinned(__atomic_load_n(&p->count, __ATOMIC_RELAXED));
}
bool try_get(frame* p) {
    const std::int32_t seen = __atomic_load_n(&p->count, __ATOMIC_RELAXED);
    if (is_dead(seen)) [[likely]]
        return false;
    if (seen < 0) [[unlikely]] {
        look_refused(p, 1);
        return false;
    }
    if (__atomic_add_fetch(&p->count, 1, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {
        take_back(p, 1);
        return false;
    }
    return true;
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
