// SPDX-License-Identifier: BSL-1.0
// boost::intrusive_ptr finds its two functions all the same, and its user hears of the policy.
// EXPECT: pinfold: the page policy does not say what happens when the last holder lets go
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct frame : pinfold::intrusive {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::free_at_zero<&give_back>;
#endif
};

boost::intrusive_ptr<frame> use(frame* f) {
    boost::intrusive_ptr<frame> first(f, false);
    return first;
}
