// SPDX-License-Identifier: BSL-1.0
// Pins that can be blocked in the word they share with references.
#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame*) noexcept;

struct my_count : pinfold::count_defaults {
    static constexpr bool blocks_pins = true;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

#include "../primitives.hpp"
