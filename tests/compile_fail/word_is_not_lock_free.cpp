// SPDX-License-Identifier: BSL-1.0
// A word behind a lock is no single instruction, and means nothing to another process.
// EXPECT: pinfold: a count word must be lock-free
#include <cstdint>

#include <pinfold/word/atomic_word.hpp>

#ifdef FIXED
using wide = std::int64_t;
#else
__extension__ using wide = __int128;
#endif

bool use(wide n) {
    pinfold::atomic_word<wide> word;
    return word.grab(n);
}
