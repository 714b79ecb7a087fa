// SPDX-License-Identifier: BSL-1.0
// The count alone frees nothing: who sees zero must.
// EXPECT: unpin
// EXPECT: nodiscard
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
#ifdef FIXED
    if (f->count.unpin() == pinfold::crossing::zero) give_back(*f);
#else
    f->count.unpin();
#endif
}
