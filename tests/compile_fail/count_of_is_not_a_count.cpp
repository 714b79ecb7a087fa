// SPDX-License-Identifier: BSL-1.0
// The member named in page_defaults is a plain integer.
// EXPECT: pinfold: `count_of(page)` must return the page's pinfold::count<...>
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
    std::int32_t references = 0;
};
#ifdef FIXED
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#else
struct frame::pinfold_policy : pinfold::page_defaults<&frame::references> {
#endif
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
