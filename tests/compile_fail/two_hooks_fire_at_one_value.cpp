// SPDX-License-Identifier: BSL-1.0
// Two hooks at zero: which of them frees?
// EXPECT: pinfold: two release hooks fire at the same value
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

void forget(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::on_release<pinfold::idle_at_one<&forget>, pinfold::free_at_zero<&give_back>>;
#else
    using release = pinfold::on_release<pinfold::free_at_zero<&forget>, pinfold::free_at_zero<&give_back>>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
