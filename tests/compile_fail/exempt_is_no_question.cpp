// SPDX-License-Identifier: BSL-1.0
// An exemption answers for a page with true or false.
// EXPECT: pinfold: `exempt` needs a noexcept bool of(const Page&)
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct my_exemption {
#ifdef FIXED
    static bool of(const frame&) noexcept;
#else
    static frame* of(const frame&) noexcept;
#endif
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using exempt = my_exemption;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
