// SPDX-License-Identifier: BSL-1.0
// Two owners of one batch would give it back twice.
// EXPECT: deleted
// EXPECT: page_batch
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
    auto more = std::move(pins.batch);
#else
    auto more = pins.batch;
#endif
    pinfold::unpin_all(std::move(more));
}
