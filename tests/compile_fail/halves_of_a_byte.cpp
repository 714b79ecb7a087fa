// SPDX-License-Identifier: BSL-1.0
// Half of a byte counts to seven.
// EXPECT: pinfold: hybrid_word_pins counts references and pins in halves of one word; it needs a word of 16 bits or more
#include "client.hpp"

struct frame;
bool is_large(const frame&) noexcept;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using word = pinfold::atomic_word<std::int64_t>;
#else
    using word = pinfold::atomic_word<signed char>;
#endif
    using pins = pinfold::hybrid_word_pins<&is_large, 4>;
    using liveness = pinfold::zero_is_dead;
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
