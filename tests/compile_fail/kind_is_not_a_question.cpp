// SPDX-License-Identifier: BSL-1.0
// The predicate of by_kind needs something that is not a page.
// EXPECT: pinfold: by_kind needs Switch::on() and a noexcept predicate callable with `const Page&`, both returning bool
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

using devices = pinfold::device_switch<frame>;
bool is_device(const frame&) noexcept;
bool is_device_number(int number) noexcept;
void wake(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::by_kind<devices, &is_device, pinfold::idle_at_one<&wake>,
                                     pinfold::free_at_zero<&give_back>>;
#else
    using release = pinfold::by_kind<devices, &is_device_number, pinfold::idle_at_one<&wake>,
                                     pinfold::free_at_zero<&give_back>>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
