// SPDX-License-Identifier: BSL-1.0
// The small lock of page tables, zones and batches: one zero-initialised word, so it works in untouched memory.
#pragma once

#include <cstdint>
#include <mutex>

#include "threading.hpp"

namespace pinfold::mm {

/// Effects: waits a little, so that the other of two threads on one CPU can go on.
inline void relax(unsigned& spins) noexcept { threading::relax(spins); }

/// Acquires `w`, 0 = free. Synchronises: acquire on lock, release on unlock.
inline void lock_word(word32& w) noexcept { threading::lock(w); }
/// Returns: whether `w` was free and is held now. Synchronises: acquire on success.
[[nodiscard]] inline bool try_lock_word(word32& w) noexcept {
    std::int32_t free = 0;
    return w.load() == 0 && w.swap_if(free, 1);
}
inline void unlock_word(word32& w) noexcept { w.publish(0); }

/// A lock object for members; `lock()` and `unlock()` as std::lock_guard wants them.
class spin_lock {
public:
    void lock() noexcept { lock_word(word_); }
    void unlock() noexcept { unlock_word(word_); }

private:
    word32 word_;
};

/// Holds a lock word for a scope; may be released early and taken again.
class word_guard {
public:
    explicit word_guard(word32& w) noexcept : word_(&w) { lock_word(w); }
    word_guard(word32& w, std::adopt_lock_t) noexcept : word_(&w) {}  ///< Requires: this thread has locked w.
    word_guard(const word_guard&) = delete;
    word_guard& operator=(const word_guard&) = delete;
    ~word_guard() { release(); }

    void release() noexcept {
        if (word_) unlock_word(*word_);
        word_ = nullptr;
    }

private:
    word32* word_;
};

}  // namespace pinfold::mm
