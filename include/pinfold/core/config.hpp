// SPDX-License-Identifier: BSL-1.0
// What the compiler is told, and the one knob of the library.
//
// Knob: PINFOLD_CHECKS (0 or 1; default 1 unless NDEBUG). 1 evaluates the precondition assertions of
// contract.hpp. It changes no layout and no result of a correct program.
#pragma once

#ifndef PINFOLD_CHECKS
#ifdef NDEBUG
#define PINFOLD_CHECKS 0
#else
#define PINFOLD_CHECKS 1
#endif
#endif

// Internal: ThreadSanitizer sees neither inline assembly nor standalone fences (word/ asks).
#if defined(__SANITIZE_THREAD__)
#define PINFOLD_DETAIL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PINFOLD_DETAIL_TSAN 1
#endif
#endif
#ifndef PINFOLD_DETAIL_TSAN
#define PINFOLD_DETAIL_TSAN 0
#endif

// Internal: hot paths are a few instructions and always inlined, where anything is; cold ones are one call.
#ifdef __OPTIMIZE__
#define PINFOLD_DETAIL_HOT [[gnu::always_inline]] inline
#else
#define PINFOLD_DETAIL_HOT inline
#endif
#define PINFOLD_DETAIL_COLD [[gnu::cold, gnu::noinline]]
