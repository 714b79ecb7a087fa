// SPDX-License-Identifier: BSL-1.0
// For somebody who must trust a policy: every interleaving of small programs on it, and the laws of counting.
#pragma once

#include "check/explore.hpp"
