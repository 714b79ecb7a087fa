// SPDX-License-Identifier: BSL-1.0
// A batch that is given back without being moved from would be given back again at the end of its scope.
// EXPECT: unpin_all
#include <array>
#include <utility>
#include <vector>

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
    if (!pins) return;
#ifdef FIXED
    pinfold::unpin_all(std::move(pins.batch));
#else
    pinfold::unpin_all(pins.batch);
#endif
}
