// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include <unistd.h>
#include <cstdio>
#include <utility>

namespace pinscope {

using namespace std::chrono_literals;

progress_bar::progress_bar(std::string what)
    : what_(std::move(what)),
      terminal_(::isatty(STDERR_FILENO) != 0),
      next_(std::chrono::steady_clock::now() + 500ms) {}

progress_bar::~progress_bar() {
    if (drawn_) std::fputs("\r\033[K", stderr);
}

void progress_bar::operator()(u64 done, u64 whole) {
    if (!terminal_ || whole == 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + 100ms;
    constexpr u64 width = 30;
    const auto filled = static_cast<std::size_t>(done * width / whole);
    std::fprintf(stderr, "\r%s [%s%s] %3u %%", what_.c_str(), std::string(filled, '#').c_str(),
                 std::string(width - filled, '.').c_str(), static_cast<unsigned>(done * 100 / whole));
    std::fflush(stderr);
    drawn_ = true;
}

}  // namespace pinscope
