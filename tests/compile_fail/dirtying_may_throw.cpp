// SPDX-License-Identifier: BSL-1.0
// The mark is set in the destructor of a pin.
// EXPECT: pinfold: `dirtying` needs a noexcept mark(Page*); use dirty_with<&fn> or no_dirtying
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

void mark(frame&);
void mark_quietly(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using dirtying = pinfold::dirty_with<&mark_quietly>;
#else
    using dirtying = pinfold::dirty_with<&mark>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) {
        pin.set_dirty();
        everything(pin.get());
    }
    pinfold::page_ops<frame>::unpin_dirty(f);
}
