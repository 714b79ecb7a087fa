// SPDX-License-Identifier: BSL-1.0
// References and pins in the halves of one 64-bit word.
#include <pinfold/pinfold.hpp>

struct frame;
void give_back(frame*) noexcept;

struct my_count : pinfold::count_defaults {
    using word = pinfold::atomic_word<std::int64_t>;
    using pins = pinfold::split_word_pins<>;
};

struct frame {
    struct pinfold_policy;
    pinfold::count<my_count> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

#include "../primitives.hpp"
