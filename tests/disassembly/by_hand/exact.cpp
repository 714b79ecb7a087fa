// SPDX-License-Identifier: BSL-1.0
// Pins in a word of their own beside the references, by hand.
#include "by_hand.hpp"

struct frame {
    std::int32_t pins;
    std::int32_t refs;
};

[[gnu::cold]] unsigned char pin_refused(frame* p, std::int64_t n) noexcept;

bool try_pin(frame* p) {
    if (__atomic_add_fetch(&p->refs, 1, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return refused(p, 1) == 0;
    if (__atomic_add_fetch(&p->pins, 1, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return pin_refused(p, 1) == 0;
    return true;
}
bool try_pin_many(frame* p, std::uint64_t n) {
    if (n > 512) [[unlikely]] {
        batch_refused(p, n);
        return false;
    }
    const auto units = static_cast<std::int32_t>(n);
    if (__atomic_add_fetch(&p->refs, units, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return refused(p, units) == 0;
    if (__atomic_add_fetch(&p->pins, units, __ATOMIC_SEQ_CST) < 0) [[unlikely]]
        return pin_refused(p, units) == 0;
    return true;
}
void pin(frame* p) {
    if (__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED) < 0) [[unlikely]]
        overflowed(p, 1);
    __asm__ volatile("lock incl %0" : "+m"(p->pins) : : "memory");
}
void unpin(frame* p) {
    __asm__ volatile("lock decl %0" : "+m"(p->pins) : : "memory");
    if (drop_one(p->refs)) [[unlikely]]
        last_out(p);
}
void unpin_many(frame* p, std::uint64_t n) {
    const auto units = static_cast<std::int32_t>(n);
    __atomic_sub_fetch(&p->pins, units, __ATOMIC_RELEASE);
    if (drop_many(p->refs, units)) [[unlikely]]
        last_out(p);
}
bool maybe_pinned(frame* p) {
    // Positive, or wrapped past the largest value, but not so far that it is a blocked word.
    const auto pins = static_cast<std::uint32_t>(__atomic_load_n(&p->pins, __ATOMIC_RELAXED));
    return pins - 1 < (3u << 30) - 1;
}
bool try_get(frame* p) {
    if (__atomic_add_fetch(&p->refs, 1, __ATOMIC_SEQ_CST) < 0) [[unlikely]] {
        take_back(p, 1);
        return false;
    }
    return true;
}
void get(frame* p) {
    if (__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED) < 0) [[unlikely]]
        overflowed(p, 1);
}
void put(frame* p) {
    if (drop_one(p->refs)) [[unlikely]]
        last_out(p);
}
void put_many(frame* p, std::uint64_t n) {
    if (drop_many(p->refs, static_cast<std::int32_t>(n))) [[unlikely]]
        last_out(p);
}
