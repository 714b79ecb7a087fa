// SPDX-License-Identifier: BSL-1.0
// A range of numbers names no pages.
// EXPECT: page_range
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
#else
    const std::array<int, 8> frame_numbers{};
    auto pins = pinfold::try_pin_all(frame_numbers);
#endif
    if (!pins) frames.fill(nullptr);
}
