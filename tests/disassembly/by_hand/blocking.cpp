// SPDX-License-Identifier: BSL-1.0
// Pins that can be blocked, by hand: then a word may be negative for an instant, and the cold side may find that
// the grab stands.
#include "by_hand.hpp"

struct frame {
    std::int32_t count;
};

namespace {

constexpr std::int32_t pin_units = 1024;
constexpr std::uint32_t dead = 3u << 30;                   // -2^30
constexpr std::uint32_t in_flight = 1024u * 512u * 1024u;  // holders x batch x units of a pin

bool looks_pinned(std::int32_t value) noexcept {
    const auto v = static_cast<std::uint32_t>(value);
    if (v < pin_units) return false;
    return v - dead > in_flight;
}

}  // namespace

bool try_pin(frame* p) {
    if (__atomic_add_fetch(&p->count, pin_units, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return refused(p, pin_units) == 0;
    return true;
}
bool try_pin_many(frame* p, std::uint64_t n) {
    if (n > 512) [[unlikely]] {
        batch_refused(p, n);
        return false;
    }
    const auto units = static_cast<std::int32_t>(n * pin_units);
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
    if (drop_many(p->count, static_cast<std::int32_t>(n * pin_units))) [[unlikely]]
        last_out(p);
}
bool maybe_pinned(frame* p) {
    return looks_pinned(__atomic_load_n(&p->count, __ATOMIC_RELAXED));
}
bool try_get(frame* p) {
    if (__atomic_add_fetch(&p->count, 1, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return refused(p, 1) == 0;
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
