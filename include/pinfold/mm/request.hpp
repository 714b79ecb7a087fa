// SPDX-License-Identifier: BSL-1.0
// What an allocation of frames is for, and where the frames should stand. Source: spec 07 §1, spec 06 §6.
#pragma once

#include "threading.hpp"

namespace pinfold::mm {

/// What an allocation is for. Movable ones may use ZONE_MOVABLE and CMA.
struct request {
    unsigned order = 0;
    bool movable = true;
    int node = -1;        ///< preferred node; -1 = 0
    bool zeroed = true;
    bool exact = false;   ///< this node or none
    bool cma = false;     ///< from a CMA area or from nowhere
};

/// While one exists, what this thread allocates may be pinned for ever: faults inside a long-term pin (spec 06 §6).
/// Never CMA memory; where the profile says so, not movable memory either.
class pin_scope {
public:
    explicit pin_scope(bool on) noexcept : on_(on) { depth() += on_; }
    pin_scope(const pin_scope&) = delete;
    pin_scope& operator=(const pin_scope&) = delete;
    ~pin_scope() { depth() -= on_; }
    [[nodiscard]] static bool active() noexcept { return depth() != 0; }

private:
    struct nesting {
        int depth = 0;
    };
    static int& depth() noexcept { return threading::own<nesting>().depth; }
    bool on_;
};

}  // namespace pinfold::mm
