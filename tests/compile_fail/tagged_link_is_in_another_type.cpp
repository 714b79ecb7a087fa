// SPDX-License-Identifier: BSL-1.0
// A head rule copied from another page type.
// EXPECT: pinfold: `head` is not a head rule
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct buffer {
    pinfold::atomic_word<std::intptr_t> link;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
    pinfold::atomic_word<std::intptr_t> link;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using head = pinfold::tagged_head<&frame::link>;
#else
    using head = pinfold::tagged_head<&buffer::link>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
