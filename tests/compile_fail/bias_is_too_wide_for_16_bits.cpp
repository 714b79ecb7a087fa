// SPDX-License-Identifier: BSL-1.0
// One pin of 32768 units makes a word of 16 bits negative.
// EXPECT: pinfold: the bias of one pin is larger than the count word can hold
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int16_t>;
    using liveness = pinfold::zero_is_dead;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
#ifdef FIXED
    using pins = pinfold::overlay_pins<1024>;
#else
    using pins = pinfold::overlay_pins<32768>;
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
