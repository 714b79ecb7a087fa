// SPDX-License-Identifier: BSL-1.0
// What somebody who counts by hand keeps out of line, and the subtractions for which a compiler needs assembly.
#pragma once

#include <cstdint>

struct frame;

// The cold sides, elsewhere: take back and explain a refused grab, explain a batch, report, kill and free.
[[gnu::cold]] unsigned char refused(frame* p, std::int64_t units) noexcept;  // the reason; 0: it stands after all
[[gnu::cold]] void take_back(frame* p, std::int64_t units) noexcept;
[[gnu::cold]] void batch_refused(frame* p, std::uint64_t n) noexcept;
[[gnu::cold]] void overflowed(frame* p, std::int64_t units) noexcept;
[[gnu::cold]] void last_out(frame* p) noexcept;

/// Subtracts a constant; is the result zero?
template <class Word>
[[gnu::always_inline]] inline bool drop(Word& w, Word units) noexcept {
    return __atomic_sub_fetch(&w, units, __ATOMIC_ACQ_REL) == 0;
}

[[gnu::always_inline]] inline bool drop_one(std::int32_t& w) noexcept {
    bool zero;
    __asm__ volatile("lock decl %0" : "+m"(w), "=@cce"(zero) : : "memory");
    return zero;
}
[[gnu::always_inline]] inline bool drop_one(std::int64_t& w) noexcept {
    bool zero;
    __asm__ volatile("lock decq %0" : "+m"(w), "=@cce"(zero) : : "memory");
    return zero;
}

/// The same for a number the compiler does not know: __atomic_sub_fetch would be an xadd on clang 14.
[[gnu::always_inline]] inline bool drop_many(std::int32_t& w, std::int32_t units) noexcept {
    bool zero;
    __asm__ volatile("lock subl %2, %0" : "+m"(w), "=@cce"(zero) : "er"(units) : "memory");
    return zero;
}
[[gnu::always_inline]] inline bool drop_many(std::int64_t& w, std::int64_t units) noexcept {
    bool zero;
    __asm__ volatile("lock subq %2, %0" : "+m"(w), "=@cce"(zero) : "er"(units) : "memory");
    return zero;
}
