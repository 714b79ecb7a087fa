// SPDX-License-Identifier: BSL-1.0
// The policy has no dirty mark, so a batch has none either.
// EXPECT: constraints
#include <array>

#include <pinfold/range.hpp>

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(std::array<frame*, 8>& frames) {
    auto pins = pinfold::try_pin_all(frames);
#ifdef FIXED
    pins.batch.reset();
#else
    pins.batch.reset(pinfold::dirty);
#endif
}
