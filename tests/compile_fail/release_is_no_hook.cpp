// SPDX-License-Identifier: BSL-1.0
// A function's type is not a hook: it does not say at which value it is called.
// EXPECT: pinfold: `release` is not a release policy; use free_at_zero, idle_at_one, on_release, by_kind or no_release
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::free_at_zero<&give_back>;
#else
    using release = decltype(&give_back);
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
