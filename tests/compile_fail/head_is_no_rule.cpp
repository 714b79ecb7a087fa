// SPDX-License-Identifier: BSL-1.0
// `head` names a rule, not the type of a head.
// EXPECT: pinfold: `head` is not a head rule; it needs Page* head(Page*) and a constant bool `stable`
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
    using head = pinfold::self_head;
#else
    using head = frame;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
