// SPDX-License-Identifier: BSL-1.0
// Fuzz target: operations on one head, in any state and any order, of 8-bit policies against the oracle of plain
// integers; and histories of holders on pages, of policies of every width, against a ledger.
#include "bytes.hpp"
#include "histories.hpp"
#include "states.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::bytes in(data, size);
    if (in.below(2) == 0) fuzz::states(in);
    else fuzz::histories(in);
    return 0;
}
