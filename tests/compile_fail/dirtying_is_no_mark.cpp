// SPDX-License-Identifier: BSL-1.0
// `dirtying` names a rule, not a flag.
// EXPECT: pinfold: `dirtying` needs a noexcept mark(Page*); use dirty_with<&fn> or no_dirtying
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using dirtying = pinfold::no_dirtying;
#else
    using dirtying = bool;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
