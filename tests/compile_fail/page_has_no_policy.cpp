// SPDX-License-Identifier: BSL-1.0
// A struct with a count is not yet a page: somebody must say what its last release does.
// EXPECT: pinfold: this page type has no policy; give it a nested type `pinfold_policy` or specialise pinfold::policy_of
#include "client.hpp"

struct frame {
    pinfold::count<pinfold::count_defaults> count;
};
void give_back(frame&) noexcept;

#ifdef FIXED
struct frame_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};
template <>
struct pinfold::policy_of<frame> {
    using type = frame_policy;
};
#endif

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
