// SPDX-License-Identifier: BSL-1.0
// Pages that may lie at odd addresses leave no bit for the tag.
// EXPECT: pinfold: tagged_head needs bit 0 of a page's address: the page type must be aligned to 2 or more
#include "client.hpp"

/// A word that needs no alignment, for one thread.
struct byte_link {
    std::intptr_t load() const noexcept { return load_acquire(); }
    std::intptr_t load_acquire() const noexcept {
        std::intptr_t v = 0;
        __builtin_memcpy(&v, bytes, sizeof v);
        return v;
    }
    void publish(std::intptr_t v) noexcept { __builtin_memcpy(bytes, &v, sizeof v); }

    char bytes[sizeof(std::intptr_t)] = {};
};

struct byte_count : pinfold::count_defaults {
    using word = pinfold::unsync_word<std::int8_t>;
    using pins = pinfold::overlay_pins<16>;
    using liveness = pinfold::zero_is_dead;
    static constexpr pinfold::budget budget = pinfold::unstated_budget;
};

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<byte_count> count;
#ifdef FIXED
    alignas(2) byte_link link;
#else
    byte_link link;
#endif
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using head = pinfold::tagged_head<&frame::link>;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
