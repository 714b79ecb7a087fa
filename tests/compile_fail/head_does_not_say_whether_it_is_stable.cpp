// SPDX-License-Identifier: BSL-1.0
// Without `stable` nobody knows whether the head must be looked at again after a grab (DEF-14).
// EXPECT: pinfold: `head` is not a head rule; it needs Page* head(Page*) and a constant bool `stable`
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct my_head {
#ifdef FIXED
    static constexpr bool stable = true;
#endif
    static frame* head(frame* p) noexcept { return p; }
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = my_head;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
