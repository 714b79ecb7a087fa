// SPDX-License-Identifier: BSL-1.0
// A lock lies in one process: a word that needs one cannot be shared with another.
// EXPECT: pinfold: a shared count word must be lock-free
#include <cstdint>

#include <pinfold/word/ipc_word.hpp>

#ifdef FIXED
using wide = std::int64_t;
#else
__extension__ using wide = __int128;
#endif

struct shared_frame {
    pinfold::ipc_word<wide> word;
};
