// SPDX-License-Identifier: BSL-1.0
// The defaults: 1024 units per pin in a 32-bit word, dead words far negative, every page its own head.
#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame*) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

#include "../primitives.hpp"
