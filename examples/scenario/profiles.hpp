// SPDX-License-Identifier: BSL-1.0
// The profiles a scenario can be played in: those of the MM, with its ledger on, so that every unit of every count can
// be named and checked.
#pragma once

#include <pinfold/mm/profile.hpp>

namespace scenario {

struct linux_6_12 : pinfold::mm::linux_6_12 {
    using ledger = pinfold::mm::shadow_ledger;
};
struct foll_pin_2019 : pinfold::mm::foll_pin_2019 {
    using ledger = pinfold::mm::shadow_ledger;
};

}  // namespace scenario
