// SPDX-License-Identifier: BSL-1.0
// Batches of pages: pins and references on ranges, one atomic operation per run of one head.
#pragma once

#include "pinfold.hpp"
#include "range/batch.hpp"
#include "range/packed.hpp"
#include "range/pin_all.hpp"
#include "range/release.hpp"
#include "range/run_batch.hpp"
