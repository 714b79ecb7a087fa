// SPDX-License-Identifier: BSL-1.0
// Every pin is a reference too: 300 of them do not fit 8 bits, however wide the word is.
// EXPECT: pinfold: the policy's budget does not fit the count word
// EXPECT: units_needed<
// EXPECT: pins<300
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    static constexpr pinfold::budget budget{.holders = 300, .refs_each = 0, .pins_each = 1};
#ifdef FIXED
    using pins = pinfold::split_word_pins<9>;
#else
    using pins = pinfold::split_word_pins<8>;
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
