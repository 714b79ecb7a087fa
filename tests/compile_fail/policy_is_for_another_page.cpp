// SPDX-License-Identifier: BSL-1.0
// A policy copied from another page type counts in that type's member.
// EXPECT: pinfold: a page policy needs `page`, the type it is for; derive it from pinfold::page_defaults<&frame::count>
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct buffer {
    pinfold::count<pinfold::count_defaults> count;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
#ifdef FIXED
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#else
struct frame::pinfold_policy : pinfold::page_defaults<&buffer::count> {
#endif
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
