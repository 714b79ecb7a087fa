// SPDX-License-Identifier: BSL-1.0
// A tail's link changes while others read it: it must be a word.
// EXPECT: pinfold: `head` is not a head rule
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
    std::intptr_t plain = 0;
    pinfold::atomic_word<std::intptr_t> link;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using head = pinfold::tagged_head<&frame::link>;
#else
    using head = pinfold::tagged_head<&frame::plain>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
