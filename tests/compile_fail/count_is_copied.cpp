// SPDX-License-Identifier: BSL-1.0
// A copy of a count is a count of nothing.
// EXPECT: pinfold::count<
// EXPECT: deleted
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
#ifdef FIXED
    auto now = f->count.raw();
#else
    auto now = f->count;
#endif
    (void)now;
}
