// SPDX-License-Identifier: BSL-1.0
// A bundle that derives from nothing must name a word.
// EXPECT: pinfold: a count policy needs a member type `word`; derive it from pinfold::count_defaults
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count {
    using pins = pinfold::overlay_pins<1024>;
    using liveness = pinfold::zero_is_dead;
    using overflow = pinfold::refuse;
    using warnings = pinfold::process_warnings;
    static constexpr bool blocks_pins = false;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
#ifdef FIXED
    using word = pinfold::atomic_word<std::int32_t>;
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
