// SPDX-License-Identifier: BSL-1.0
// `pinned` answers no, maybe or certainly; it is not a count.
// EXPECT: operand
// EXPECT: 'int'
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
    if (pinfold::maybe_pinned(f) == pinfold::pinned::certainly) return;
#else
    if (pinfold::maybe_pinned(f) > 1) return;
#endif
}
