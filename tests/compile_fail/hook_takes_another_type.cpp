// SPDX-License-Identifier: BSL-1.0
// The hook of another page type.
// EXPECT: pinfold: a release hook must be callable with a page (pointer or reference) and be noexcept
#include "client.hpp"

struct frame;
void give_back(frame&) noexcept;

struct buffer;
void close_buffer(buffer*) noexcept;

struct frame {
    struct pinfold_policy;
    pinfold::count<pinfold::count_defaults> count;
};
struct frame::pinfold_policy : pinfold::page_defaults<&frame::count> {
#ifdef FIXED
    using release = pinfold::free_at_zero<&give_back>;
#else
    using release = pinfold::free_at_zero<&close_buffer>;
#endif
};

void use(frame* f) {
    if (auto pin = pinfold::try_pin(f)) everything(pin.get());
}
