// SPDX-License-Identifier: BSL-1.0
// 62 bits of references leave one bit of pins beside the sign.
// EXPECT: pinfold: split_word_pins<RefBits> must leave 2 bits or more for references, 2 or more for pins, and the sign
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
#ifdef FIXED
    using pins = pinfold::split_word_pins<40>;
#else
    using pins = pinfold::split_word_pins<62>;
#endif
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
