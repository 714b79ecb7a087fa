// SPDX-License-Identifier: BSL-1.0
// The smallest client: prints the version of the headers it was given, after one count of its own.
#include <cstdio>

#include <pinfold/core/version.hpp>
#include <pinfold/word/atomic_word.hpp>

int main() {
    pinfold::atomic_word<int> count{1};
    if (!count.drop(1)) {
        return 1;
    }
    std::printf("%d.%d.%d\n", pinfold::version_major, pinfold::version_minor, pinfold::version_patch);
}
