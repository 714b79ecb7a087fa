// SPDX-License-Identifier: BSL-1.0
// Names of the library, for headers that only mention them.
#pragma once

#include <cstdint>

namespace pinfold {

template <class T>
class atomic_word;
template <class T>
class ipc_word;
template <class T>
class unsync_word;

struct count_defaults;
template <class Policy, bool Valid>
class count;

class held;
template <class Page>
class page_ref;
template <class Page>
class page_pin;

}  // namespace pinfold
