// SPDX-License-Identifier: BSL-1.0
// Two counts in one 64-bit word, by hand.
#include "by_hand.hpp"

struct frame {
    std::int64_t count;
};

namespace {

constexpr std::int64_t pin_units = (std::int64_t{1} << 32) + 1;

constexpr std::uint64_t dead = 3ull << 62;                      // -2^62
constexpr std::uint64_t in_flight = 1024ull * 512 * pin_units;  // holders x batch x units of a pin

bool is_dead(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value) - dead <= in_flight; }

/// Negative words have bits above the references too: a wrapped one says "pinned", a dead one does not.
bool looks_pinned(std::int64_t value) noexcept { return (value >> 32) != 0 && !is_dead(value); }

}  // namespace

bool try_pin(frame* p) {
    if (__atomic_add_fetch(&p->count, pin_units, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {
        take_back(p, pin_units);
        return false;
    }
    return true;
}
bool try_pin_many(frame* p, std::uint64_t n) {
    if (n > 512) [[unlikely]] {
        batch_refused(p, n);
        return false;
    }
    const auto units = static_cast<std::int64_t>(n * pin_units);
    if (__atomic_add_fetch(&p->count, units, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return refused(p, units) == 0;
    return true;
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
    if (drop_many(p->count, static_cast<std::int64_t>(n * pin_units))) [[unlikely]]
        last_out(p);
}
bool maybe_pinned(frame* p) {
    return looks_pinned(__atomic_load_n(&p->count, __ATOMIC_RELAXED));
}
bool try_get(frame* p) {
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
    if (drop_many(p->count, static_cast<std::int64_t>(n))) [[unlikely]]
        last_out(p);
}
