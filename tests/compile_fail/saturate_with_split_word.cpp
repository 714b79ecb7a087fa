// SPDX-License-Identifier: BSL-1.0
// References that overflow their field become pins; the sign, which saturate looks at, never shows it.
// EXPECT: pinfold: saturate cannot see the reference field of a split word overflow; use refuse with split_word_pins
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = pinfold::split_word_pins<>;
    using liveness = pinfold::zero_is_dead;
#ifdef FIXED
    using overflow = pinfold::refuse;
#else
    using overflow = pinfold::saturate;
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
