// SPDX-License-Identifier: BSL-1.0
// For somebody who must trust a policy: the laws of counting, and every interleaving of small programs.
#pragma once

#include "check/check_policy.hpp"
#include "check/explore.hpp"
