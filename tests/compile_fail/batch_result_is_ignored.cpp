// SPDX-License-Identifier: BSL-1.0
// A batch that nobody keeps is given back at once, if it was granted at all.
// EXPECT: nodiscard
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
#ifdef FIXED
    auto pins = pinfold::try_pin_all(frames);
    if (!pins) frames.fill(nullptr);
#else
    pinfold::try_pin_all(frames);
#endif
}
