// SPDX-License-Identifier: BSL-1.0
// The smallest client: frames that count themselves; prints the version of the headers it was given.
#include <cstdio>

#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame& f) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
    bool free = false;
};

struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void give_back(frame& f) noexcept { f.free = true; }

int main() {
    frame f;
    f.count.init();
    if (!pinfold::try_pin(&f)) return 1;
    pinfold::page_ops<frame>::put(&f);
    if (!f.free) return 2;
    std::printf("%d.%d.%d\n", pinfold::version_major, pinfold::version_minor, pinfold::version_patch);
}
