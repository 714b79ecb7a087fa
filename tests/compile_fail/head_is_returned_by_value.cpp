// SPDX-License-Identifier: BSL-1.0
// A copy of the head has a count of its own.
// EXPECT: pinfold: `head` is not a head rule; it needs Page* head(Page*) and a constant bool `stable`
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct my_head {
    static constexpr bool stable = true;
#ifdef FIXED
    static frame* head(frame* p) noexcept { return p; }
#else
    static frame& head(frame* p) noexcept { return *p; }
#endif
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = my_head;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
