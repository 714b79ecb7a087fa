// SPDX-License-Identifier: BSL-1.0
// A refused grab is in the word for a moment; only holders x batch says how far that moves it (I5).
// EXPECT: pinfold: sticky_dead needs a stated budget: holders and batch bound the grabs in flight; use zero_is_dead or sticky_dead_within without one
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
#ifdef FIXED
    using liveness = pinfold::zero_is_dead;
#else
    using liveness = pinfold::sticky_dead;
#endif
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
