// SPDX-License-Identifier: BSL-1.0
// The policy has no dirty mark, so a pin cannot ask for it.
// EXPECT: set_dirty
// EXPECT: has_dirtying
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
    auto pin = pinfold::try_pin(f);
    if (!pin) return;
#ifdef FIXED
    pin.reset();
#else
    pin.set_dirty();
#endif
}
