// SPDX-License-Identifier: BSL-1.0
// Only a budget can say that the references never reach the field of the pins.
// EXPECT: pinfold: split_word_pins cannot see its reference field carry into the pins: state a budget
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = pinfold::split_word_pins<>;
    using liveness = pinfold::zero_is_dead;
#ifdef FIXED
    static constexpr pinfold::budget budget{.holders = 1024, .refs_each = 16, .pins_each = 16, .batch = 512};
#else
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
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
