// SPDX-License-Identifier: BSL-1.0
// Linux's liveness: a compare-exchange that never raises a zero.
#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame*) noexcept;

struct my_count : pinfold::count_defaults {
    using liveness = pinfold::zero_is_dead;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

#include "../primitives.hpp"
