// SPDX-License-Identifier: BSL-1.0
// A tracer that never hears of releases reports every page as held.
// EXPECT: pinfold: `trace` needs noexcept granted and returning (const Page&, hold_kind, n)
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct my_trace {
    static void granted(const frame&, pinfold::hold_kind, std::uint64_t) noexcept;
#ifdef FIXED
    static void returning(const frame&, pinfold::hold_kind, std::uint64_t) noexcept;
#endif
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using trace = my_trace;
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
