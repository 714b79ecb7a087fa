// SPDX-License-Identifier: BSL-1.0
// A dead page's count is far negative, so a word that cannot be negative is refused by the concept.
// EXPECT: count_word
#include <pinfold/word/unsync_word.hpp>

template <pinfold::count_word Word>
void count_with() {}

#ifdef FIXED
template void count_with<pinfold::unsync_word<int>>();
#else
template void count_with<pinfold::unsync_word<unsigned>>();
#endif
