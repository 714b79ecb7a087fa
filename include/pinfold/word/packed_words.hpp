// SPDX-License-Identifier: BSL-1.0
// Count words that lie side by side, changed several at a time: a group is an aligned piece of memory, and one
// instruction changes all of its words or none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "../core/config.hpp"
#include "atomic_word.hpp"
#include "unsync_word.hpp"

// Other threads change single words of a group while one changes the group. x86-64 defines what such mixed sizes do;
// the C++ memory model does not, and ThreadSanitizer follows the latter.
#if defined(__x86_64__) && !PINFOLD_DETAIL_TSAN
#define PINFOLD_DETAIL_WIDE_WORDS 1
#include <cpuid.h>
#else
#define PINFOLD_DETAIL_WIDE_WORDS 0
#endif

namespace pinfold::detail {

/// A type G is a group of words if and only if
///
/// | expression             | returns | means                                                                           |
/// |------------------------|---------|---------------------------------------------------------------------------------|
/// | G::lanes               | size_t  | words of a group; 1: words of this type are not changed in groups               |
/// | G::starts_at(p)        | bool    | a group may start at address p                                                  |
/// | G::raise(p, n, least)  | bool    | add n to each word of the group at p iff each was `least` or more, and none     |
/// |                        |         | becomes negative                                                                |
/// | G::lower(p, n, least)  | bool    | subtract n from each word of the group at p iff each keeps `least` or more      |
///
/// Requires: n > 0, least ≥ 0. Arithmetic wraps. False means that nothing was changed, perhaps only because another
/// thread changed a word meanwhile: the caller goes on word by word, so that what is wait-free there stays wait-free.
/// Synchronises: as grab and drop of a count word on success; the locked instructions are sequentially consistent.
struct single_words {
    static constexpr std::size_t lanes = 1;
    static constexpr bool starts_at(const void*) noexcept { return false; }
    template <class T>
    static constexpr bool raise(void*, T, T) noexcept {
        return false;
    }
    template <class T>
    static constexpr bool lower(void*, T, T) noexcept {
        return false;
    }
};

/// Two 32-bit words in one number. The lower one carries into the upper only if it was negative before, and borrows
/// from it only if it is negative afterwards: where nothing collected is negative, the words are those of single steps.
struct two_lanes {
    static constexpr std::uint64_t both(std::int32_t v) noexcept {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(v)) * 0x1'0000'0001u;
    }
    static constexpr bool fine(std::uint64_t collected) noexcept { return (collected & 0x8000'0000'8000'0000u) == 0; }
};

using aliasing_u64 [[gnu::may_alias]] = std::uint64_t;

/// What raise and lower of every group have in common: the new values, and what must be fine. Lanes: the number above,
/// or a vector of such numbers.
struct two_raised : two_lanes {
    std::uint64_t n, least;
    PINFOLD_DETAIL_HOT two_raised(std::int32_t by, std::int32_t at_least) noexcept : n(both(by)), least(both(at_least)) {}
    template <class Lanes>
    PINFOLD_DETAIL_HOT Lanes now(Lanes seen) const noexcept {
        return seen + n;
    }
    template <class Lanes>
    PINFOLD_DETAIL_HOT Lanes collect(Lanes seen) const noexcept {
        return seen | (seen - least) | now(seen);
    }
};
struct two_lowered : two_lanes {
    std::uint64_t n, least;
    PINFOLD_DETAIL_HOT two_lowered(std::int32_t by, std::int32_t at_least) noexcept : n(both(by)), least(both(at_least)) {}
    template <class Lanes>
    PINFOLD_DETAIL_HOT Lanes now(Lanes seen) const noexcept {
        return seen - n;
    }
    template <class Lanes>
    PINFOLD_DETAIL_HOT Lanes collect(Lanes seen) const noexcept {
        return now(seen) | (now(seen) - least);
    }
};

/// The table above for a group whose `change(p, how)` does it, how being one of the two.
template <class Group>
struct words_changed_by {
    PINFOLD_DETAIL_HOT static bool raise(void* p, std::int32_t n, std::int32_t least) noexcept {
        return Group::change(p, two_raised(n, least));
    }
    PINFOLD_DETAIL_HOT static bool lower(void* p, std::int32_t n, std::int32_t least) noexcept {
        return Group::change(p, two_lowered(n, least));
    }
};

/// Plain 32-bit words, two cache lines of them at a time, in vectors.
/// Synchronises: with nothing.
struct block_of_plain_words : words_changed_by<block_of_plain_words> {
    static constexpr std::size_t lanes = 32;

    PINFOLD_DETAIL_HOT static bool starts_at(const void*) noexcept { return true; }

    template <class How>
    PINFOLD_DETAIL_HOT static bool change(void* p, How how) noexcept {
        return change(p, how, std::make_index_sequence<lanes / 4>{});
    }

private:
    using four [[gnu::vector_size(16)]] = std::uint64_t;

    template <class How, std::size_t... K>
    PINFOLD_DETAIL_HOT static bool change(void* p, How how, std::index_sequence<K...>) noexcept {
        const four seen[]{load(p, K)...};
        const four all = (how.collect(seen[K]) | ...);
        if (!two_lanes::fine(all[0] | all[1])) [[unlikely]]
            return false;
        (store(p, K, how.now(seen[K])), ...);
        return true;
    }
    PINFOLD_DETAIL_HOT static four load(const void* p, std::size_t k) noexcept {
        four v;
        __builtin_memcpy(&v, static_cast<const char*>(p) + k * sizeof v, sizeof v);
        return v;
    }
    PINFOLD_DETAIL_HOT static void store(void* p, std::size_t k, four v) noexcept {
        __builtin_memcpy(static_cast<char*>(p) + k * sizeof v, &v, sizeof v);
    }
};

#if PINFOLD_DETAIL_WIDE_WORDS

/// Two 32-bit words by one 64-bit compare-exchange.
struct pair_of_words : words_changed_by<pair_of_words> {
    static constexpr std::size_t lanes = 2;

    PINFOLD_DETAIL_HOT static bool starts_at(const void* p) noexcept {
        return reinterpret_cast<std::uintptr_t>(p) % 8 == 0;
    }
    template <class How>
    PINFOLD_DETAIL_HOT static bool change(void* p, How how) noexcept {
        auto* const words = static_cast<aliasing_u64*>(p);
        std::uint64_t seen = __atomic_load_n(words, __ATOMIC_RELAXED);
        return two_lanes::fine(how.collect(seen)) &&
               __atomic_compare_exchange_n(words, &seen, how.now(seen), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
};

/// Four 32-bit words by one cmpxchg16b.
struct four_words : words_changed_by<four_words> {
    static constexpr std::size_t lanes = 4;

    PINFOLD_DETAIL_HOT static bool starts_at(const void* p) noexcept {
        return reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
    }
    template <class How>
    PINFOLD_DETAIL_HOT static bool change(void* p, How how) noexcept {
        auto* const words = static_cast<aliasing_u64*>(p);
        std::uint64_t low = __atomic_load_n(words, __ATOMIC_RELAXED);
        std::uint64_t high = __atomic_load_n(words + 1, __ATOMIC_RELAXED);
        if (!two_lanes::fine(how.collect(low) | how.collect(high))) [[unlikely]]
            return false;
        bool changed = false;
        // Written out, because compilers give the instruction only to functions compiled for a newer processor, and
        // those cannot be inlined here. The clobber orders everything around it, as the instruction does.
        __asm__ __volatile__("lock cmpxchg16b %[words]"
                             : [words] "+m"(*reinterpret_cast<aliasing_u64(*)[2]>(words)), "=@ccz"(changed), "+a"(low),
                               "+d"(high)
                             : "b"(how.now(low)), "c"(how.now(high))
                             : "memory");
        return changed;
    }
};

/// Whether the processor has cmpxchg16b. Before it is initialised it says no, which is always safe.
inline const bool has_four_words = [] {
#if defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)
    return true;
#else
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_CMPXCHG16B) != 0;
#endif
}();

#endif

/// Returns: f(G{}) with G the widest group that words of type Word are changed in on this processor.
template <class Word, class F>
PINFOLD_DETAIL_HOT decltype(auto) with_widest_group(F f) noexcept(noexcept(f(single_words{}))) {
    if constexpr (same<Word, unsync_word<std::int32_t>>) {
        return f(block_of_plain_words{});
#if PINFOLD_DETAIL_WIDE_WORDS
    } else if constexpr (same<Word, atomic_word<std::int32_t>>) {
        if (has_four_words) [[likely]]
            return f(four_words{});
        return f(pair_of_words{});
#endif
    } else {
        return f(single_words{});
    }
}

}  // namespace pinfold::detail
