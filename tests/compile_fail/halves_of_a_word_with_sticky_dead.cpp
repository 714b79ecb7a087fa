// SPDX-License-Identifier: BSL-1.0
// Who kills a head of sticky_dead stores a value that leaves no half of the word alone.
// EXPECT: pinfold: hybrid_word_pins needs zero_is_dead or sticky_dead_within, and refuse, trap or unchecked_overflow
#include "client.hpp"

struct frame;
bool is_large(const frame&) noexcept;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = pinfold::hybrid_word_pins<&is_large, 1024>;
#ifdef FIXED
    using liveness = pinfold::zero_is_dead;
#else
    using liveness = pinfold::sticky_dead;
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
