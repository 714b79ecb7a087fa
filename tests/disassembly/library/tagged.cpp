// SPDX-License-Identifier: BSL-1.0
// The defaults on compound pages: a tail stores the address of its head with bit 0 set.
#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame*) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
    pinfold::atomic_word<std::intptr_t> link;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = pinfold::tagged_head<&frame::link>;
    using release = pinfold::free_at_zero<&give_back>;
};

#include "../primitives.hpp"
