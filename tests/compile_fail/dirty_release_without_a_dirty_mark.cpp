// SPDX-License-Identifier: BSL-1.0
// The policy has no dirty mark, so there is no dirty release.
// EXPECT: unpin_dirty
// EXPECT: no_dirtying
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
    pinfold::page_ops<frame>::unpin(f);
#else
    pinfold::page_ops<frame>::unpin_dirty(f);
#endif
}
