// SPDX-License-Identifier: BSL-1.0
// A batch of references is not a batch of pins.
// EXPECT: pinfold: a batch of references is given back by put_all, not unpin_all
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
    auto refs = pinfold::try_get_all(frames);
    if (!refs) return;
#ifdef FIXED
    pinfold::put_all(std::move(refs.batch));
#else
    pinfold::unpin_all(std::move(refs.batch));
#endif
}
