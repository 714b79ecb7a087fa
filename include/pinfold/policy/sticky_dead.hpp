// SPDX-License-Identifier: BSL-1.0
// Liveness without a loop: dead words are far negative, and a speculative grab is one wait-free add.
#pragma once

#include <cstdint>

namespace pinfold {

/// Dead, frozen, never-allocated and tail words hold DEAD = −2^(bits−2), give or take grabs in flight.
/// Conditions, all held by count<>:
///   I1 zero is not dead: only the winner of a compare-exchange 0 → DEAD kills the head, and there is one winner;
///   I2 a dead word stays within [DEAD, DEAD + T], T the largest sum of grabs in flight;
///   I3 nobody stores the word while it can be seen: allocation and unfreeze add n − DEAD;
///   I4 undoing a refused grab is a full release, with the zero test;
///   I5 T = holders × batch × units of a pin < 2^(bits−2), proved from the policy's budget;
///   I6 an overflowed live word is negative, so the same test refuses it, and the undo restores it.
/// A reader may see grabs in flight in the word, and an exact freeze may fail because of one, as with any
/// speculative reference.
/// LoadTest: look before adding. A refusal then costs one load and writes nothing; a grab that contends with
/// another pays a second transfer of the line. Choose it where dead heads are often met.
template <bool LoadTest = false>
struct basic_sticky_dead {
    static constexpr bool optimistic = true;
    static constexpr bool load_test = LoadTest;
};

using sticky_dead = basic_sticky_dead<false>;
using sticky_dead_load_test = basic_sticky_dead<true>;

/// The same where nobody can state a budget, so that I6 cannot be relied on: a grab looks at the value its add met, which
/// must be positive, and refuses what zero_is_dead refuses: zero, and a word that overflowed. The add that crosses the limit
/// stands; none is so large that the word came near the dead ones. Refused is not dead: a grab in flight may let another one
/// revive a zero, and its undo may be the last release, which runs its hook where the grab was tried. At most Threads grabs are in flight, of at most AtOnce each (I5: T = Threads × AtOnce ×
/// units of a pin); a call for more, or for exact pins of a joined word, goes by compare-exchange and is never in flight.
template <std::uint64_t Threads, std::uint64_t AtOnce>
struct sticky_dead_within {
    static constexpr bool optimistic = true;
    static constexpr bool load_test = false;
    static constexpr std::uint64_t threads = Threads;
    static constexpr std::uint64_t at_once = AtOnce;
};

}  // namespace pinfold
