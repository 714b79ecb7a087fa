// SPDX-License-Identifier: BSL-1.0
// Pins that are counted in and never out.
// EXPECT: pinfold: `statistics` needs noexcept acquired(const Page&, n) and released(const Page&, n)
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct my_statistics {
    static void acquired(const frame&, std::uint64_t) noexcept;
#ifdef FIXED
    static void released(const frame&, std::uint64_t) noexcept;
#endif
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using statistics = my_statistics;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
