// SPDX-License-Identifier: BSL-1.0
// A progress bar on stderr for work that takes longer than half a second; nothing when stderr is not a terminal.
#pragma once

#include <chrono>
#include <string>

#include "text.hpp"

namespace pinscope {

class progress_bar {
public:
    explicit progress_bar(std::string what);
    ~progress_bar();  ///< Effects: wipes the bar, if there was one.
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;

    void operator()(u64 done, u64 whole);

private:
    std::string what_;
    bool terminal_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point next_;
};

}  // namespace pinscope
