// SPDX-License-Identifier: BSL-1.0
// References only.
#pragma once

#include "pin_form.hpp"

namespace pinfold {

/// The head has references and no pins: the pin operations do not exist.
struct no_pins {
    static constexpr pin_form form = pin_form::none;
};

}  // namespace pinfold
