// SPDX-License-Identifier: BSL-1.0
// What became of a frame of memory that failed. Source: spec 07 §15.
#pragma once

#include <cstdint>
#include <vector>

#include "space.hpp"

namespace pinfold::mm {

enum class failure_fate : unsigned char {
    known,             ///< it had failed before
    unused,            ///< it was free; the buddy will not hand it out
    contained,         ///< unmapped, and nobody holds it
    still_referenced,  ///< unmapped; `holders` others hold it: it stays where it is until they let go
    ignored,           ///< nothing could be done; `error` says why
};

template <class P>
struct failure_report {
    failure_fate fate = failure_fate::ignored;
    int error = 0;                     ///< negative errno
    std::int64_t holders = 0;
    bool data_lost = false;            ///< the only copy of something
    std::vector<space<P>*> users{};    ///< address spaces that lost an entry: their next access is a SIGBUS
};

}  // namespace pinfold::mm
