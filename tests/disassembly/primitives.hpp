// SPDX-License-Identifier: BSL-1.0
// The functions whose code is compared, through the library: included by each policy set of library/ after it has
// defined `frame`. by_hand/ defines functions of the same names.
#pragma once

#include <cstdint>

#include <pinfold/pinfold.hpp>

using ops = pinfold::page_ops<frame>;
inline constexpr auto evidence = [] { return pinfold::held::assumed(); };

bool try_pin(frame* p) { return static_cast<bool>(ops::try_pin(p)); }
bool try_pin_many(frame* p, std::uint64_t n) { return static_cast<bool>(ops::try_pin(p, n)); }
void pin(frame* p) { ops::pin(evidence(), p); }
void unpin(frame* p) { ops::unpin(p); }
void unpin_many(frame* p, std::uint64_t n) { ops::unpin(p, n); }
bool maybe_pinned(frame* p) { return static_cast<bool>(ops::maybe_pinned(p)); }
bool try_get(frame* p) { return static_cast<bool>(ops::try_get(p)); }
void get(frame* p) { ops::get(evidence(), p); }
void put(frame* p) { ops::put(p); }
void put_many(frame* p, std::uint64_t n) { ops::put(p, n); }
