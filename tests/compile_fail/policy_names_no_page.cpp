// SPDX-License-Identifier: BSL-1.0
// A bundle that derives from nothing must name its page.
// EXPECT: pinfold: a page policy needs `page`, the type it is for; derive it from pinfold::page_defaults<&frame::count>
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct bare {
    using head = pinfold::self_head;
    using statistics = pinfold::no_statistics;
    using exempt = pinfold::nothing_exempt;
    using dirtying = pinfold::no_dirtying;
    using trace = pinfold::no_trace;

    template <class Page>
    static auto& count_of(Page& p) noexcept {
        return p.count;
    }
};

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : bare {
    using release = pinfold::free_at_zero<&give_back>;
#ifdef FIXED
    using page = frame;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
