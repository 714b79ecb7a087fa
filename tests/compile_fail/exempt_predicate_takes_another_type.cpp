// SPDX-License-Identifier: BSL-1.0
// The predicate of exempt_if is asked with a page.
// EXPECT: pinfold: `exempt` needs a noexcept bool of(const Page&)
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

bool is_zero(const frame&) noexcept;
bool is_zero_number(int) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using exempt = pinfold::exempt_if<&is_zero>;
#else
    using exempt = pinfold::exempt_if<&is_zero_number>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
