// SPDX-License-Identifier: BSL-1.0
// Owners give back their pins themselves.
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

void use(std::vector<pinfold::page_pin<frame>>& pins) {
#ifdef FIXED
    std::vector<frame*> taken;
    for (auto& p : pins) taken.push_back(p.release());
    (void)pinfold::unpin_all(taken);
#else
    (void)pinfold::unpin_all(pins);
#endif
}
