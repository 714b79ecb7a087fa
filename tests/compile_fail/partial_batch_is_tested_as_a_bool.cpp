// SPDX-License-Identifier: BSL-1.0
// A short batch is neither success nor failure: complete() asks one question, error the other.
// EXPECT: partial_result
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
    const auto pins = pinfold::try_pin_all(frames, pinfold::keep_partial);
#ifdef FIXED
    if (!pins.complete()) frames.fill(nullptr);
#else
    if (!pins) frames.fill(nullptr);
#endif
}
