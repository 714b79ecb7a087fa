// SPDX-License-Identifier: BSL-1.0
// It is asked again when the pin is given back, where nothing may throw.
// EXPECT: pinfold: `exempt` needs a noexcept bool of(const Page&)
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;
#ifdef FIXED
bool is_zero(const frame&) noexcept;
#else
bool is_zero(const frame&);
#endif

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using exempt = pinfold::exempt_if<&is_zero>;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
