// SPDX-License-Identifier: BSL-1.0
// A sink that cannot be told of an underflow.
// EXPECT: pinfold: `warnings` is not a warning sink; it needs noexcept negative, batch, saturated and underflow (limit, used, needed)
#include "client.hpp"

struct my_warnings {
    static void negative(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept;
    static void batch(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept;
    static void saturated(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept;
#ifdef FIXED
    static void underflow(std::int64_t limit, std::int64_t used, std::uint64_t needed) noexcept;
#endif
};

struct frame;
void give_back(frame&) noexcept;

struct my_count : pinfold::count_defaults {
    using warnings = my_warnings;
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
