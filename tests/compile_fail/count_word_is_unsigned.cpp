// SPDX-License-Identifier: BSL-1.0
// Dead and overflowed words are negative: an unsigned word cannot say so.
// EXPECT: pinfold: `word` is not a count word; use atomic_word, unsync_word or ipc_word of a signed integer
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
#ifdef FIXED
    using word = pinfold::unsync_word<std::int32_t>;
#else
    using word = pinfold::unsync_word<std::uint32_t>;
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
