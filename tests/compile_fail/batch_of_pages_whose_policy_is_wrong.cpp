// SPDX-License-Identifier: BSL-1.0
// Whoever uses batches only hears of a wrong policy too.
// EXPECT: pinfold: the page policy does not say what happens when the last holder lets go
#include <array>

#include <pinfold/range.hpp>

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::free_at_zero<&give_back>;
#endif
};

bool use(std::array<frame*, 8>& frames) {
    auto pins = pinfold::try_pin_all(frames);
    if (!pins) return false;
    pinfold::unpin_all(std::move(pins.batch));
    return true;
}
