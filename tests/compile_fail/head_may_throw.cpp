// SPDX-License-Identifier: BSL-1.0
// The head is looked up again between a grab and its undo, where nothing may throw.
// EXPECT: pinfold: `head::head` must be noexcept
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
    static frame* head(frame* p) { return p; }
#endif
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = my_head;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
