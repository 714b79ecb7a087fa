// SPDX-License-Identifier: BSL-1.0
// Rounding an address down finds a head only where the size of a page is a power of two.
// EXPECT: pinfold: aligned_head without a base needs a page type whose size is a power of two; give it the function that returns the first page
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

frame* first_frame() noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
    std::int32_t more[2] = {};
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using head = pinfold::aligned_head<9, &first_frame>;
#else
    using head = pinfold::aligned_head<9>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
