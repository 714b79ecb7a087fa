// SPDX-License-Identifier: BSL-1.0
// Pins in a word of their own.
#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame*) noexcept;

struct my_count : pinfold::count_defaults {
    using pins = pinfold::exact_pins;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

#include "../primitives.hpp"
