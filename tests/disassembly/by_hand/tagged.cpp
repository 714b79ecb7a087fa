// SPDX-License-Identifier: BSL-1.0
// Compound pages, by hand: a tail stores the address of its head plus one.
#include "by_hand.hpp"

struct frame {
    std::int32_t count;
    std::intptr_t link;
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

[[gnu::always_inline]] inline frame* head(frame* p) noexcept {
    const std::intptr_t link = __atomic_load_n(&p->link, __ATOMIC_ACQUIRE);
    if (__builtin_expect_with_probability((link & 1) != 0, 0, 1.0)) {
        __asm__ volatile("");  // a branch, never a conditional move
        return reinterpret_cast<frame*>(link - 1);
    }
    return p;
}

}  // namespace

/// Why a grab was refused, 0 if it was not, and what taking it back led to.
struct answer {
    unsigned char why = 0;
    unsigned char reached = 0;
};
[[gnu::cold]] answer batch_refused(frame* h, std::uint64_t n, std::uint64_t most) noexcept;
[[gnu::cold]] answer refused(frame* p, std::int32_t units, frame* h) noexcept;

/// The page changed its head: take back what h got, and try again.
[[gnu::cold]] answer moved(frame* p, frame* h, std::uint64_t n) noexcept;

static inline answer grab(frame* p, std::uint64_t n, std::uint64_t unit) noexcept {
    frame* const h = head(p);
    if (n > 512) [[unlikely]]
        return batch_refused(h, n, 512);
    const auto units = static_cast<std::int32_t>(n * unit);
    if (__atomic_add_fetch(&h->count, units, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {
        const answer got = refused(h, units, h);
        if (got.why == 0) __builtin_unreachable();
        return {got.why, 0};
    }
    if (head(p) != h) [[unlikely]]
        return moved(p, h, n);
    return {};
}

bool try_pin(frame* p) { return grab(p, 1, pin_units).why == 0; }
bool try_pin_many(frame* p, std::uint64_t n) { return grab(p, n, pin_units).why == 0; }
void pin(frame* p) {
    frame* const h = head(p);
    if (__atomic_add_fetch(&h->count, pin_units, __ATOMIC_RELAXED) < 0) [[unlikely]]
        overflowed(h, pin_units);
}
void unpin(frame* p) {
    frame* const h = head(p);
    if (drop(h->count, pin_units)) [[unlikely]]
        last_out(h);
}
void unpin_many(frame* p, std::uint64_t n) {
    frame* const h = head(p);
    if (drop_many(h->count, static_cast<std::int32_t>(n * pin_units))) [[unlikely]]
        last_out(h);
}
bool maybe_pinned(frame* p) {
    frame* const h = head(p);
    return looks_pinned(__atomic_load_n(&h->count, __ATOMIC_RELAXED));
}
bool try_get(frame* p) { return grab(p, 1, 1).why == 0; }
void get(frame* p) {
    frame* const h = head(p);
    if (__atomic_add_fetch(&h->count, 1, __ATOMIC_RELAXED) < 0) [[unlikely]]
        overflowed(h, 1);
}
void put(frame* p) {
    frame* const h = head(p);
    if (drop_one(h->count)) [[unlikely]]
        last_out(h);
}
void put_many(frame* p, std::uint64_t n) {
    frame* const h = head(p);
    if (drop_many(h->count, static_cast<std::int32_t>(n))) [[unlikely]]
        last_out(h);
}
