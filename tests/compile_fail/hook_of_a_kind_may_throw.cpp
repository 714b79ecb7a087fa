// SPDX-License-Identifier: BSL-1.0
// The hooks inside by_kind are held to the same rules.
// EXPECT: pinfold: a release hook must be callable with a page (pointer or reference) and be noexcept
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

using devices = pinfold::device_switch<frame>;
bool is_device(const frame&) noexcept;
#ifdef FIXED
void wake(frame&) noexcept;
#else
void wake(frame&);
#endif

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::by_kind<devices, &is_device, pinfold::idle_at_one<&wake>,
                                     pinfold::free_at_zero<&give_back>>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
