// SPDX-License-Identifier: BSL-1.0
// Two owners of one reference would give it back twice.
// EXPECT: page_ref
// EXPECT: deleted
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
    using release = pinfold::free_at_zero<&give_back>;
};

void use(frame* f) {
    auto ref = pinfold::try_get(f);
    if (!ref) return;
#ifdef FIXED
    auto second = ref.again();
#else
    auto second = ref;
#endif
    second.reset();
}
