// SPDX-License-Identifier: BSL-1.0
// What one slow lookup answers. Source: spec 04 §0.
#pragma once

#include <cstdint>

#include "frame.hpp"

namespace pinfold::mm {

/// page set: found and counted. error set: a negative errno. Neither: nothing usable, fault it in and look again.
/// `mask`: pages of the mapping unit, less one.
template <class P>
struct lookup {
    frame<P>* page = nullptr;
    int error = 0;
    std::uint64_t mask = 0;
};

}  // namespace pinfold::mm
