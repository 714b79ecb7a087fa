// SPDX-License-Identifier: BSL-1.0
// What an actor does beside memory. Those that end or wait for an actor are the player's own (player.cpp).
#include "ops.hpp"

namespace scenario {

namespace {

/// Nothing happens by itself here: what a person would wait for has happened already.
template <class P>
answer sleep(call<P>& c) {
    (void)c.number(0);
    return done();
}

}  // namespace

template <class P>
void add_actor_ops(op_table<P>& t) {
    t.add("sleep", &sleep<P>);
}
template void add_actor_ops(op_table<linux_6_12>&);
template void add_actor_ops(op_table<foll_pin_2019>&);

}  // namespace scenario
