// SPDX-License-Identifier: BSL-1.0
// Reading the kernel's files with system calls: their errors are errno, and errno is the message.
#pragma once

#include <span>
#include <string>

#include "text.hpp"

namespace pinscope {

/// An open file, read only. Closed at the end.
class input {
public:
    explicit input(const std::string& path);  ///< Effects: opens; what went wrong is in error().
    ~input();
    input(const input&) = delete;
    input& operator=(const input&) = delete;

    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] int descriptor() const { return fd_; }

    /// Returns: how many words from word number `first` on were read; short at the end of the file and on errors,
    /// of which error() tells.
    std::size_t read_words(u64 first, std::span<u64> words);
    /// Returns: the rest of the file. On an error: what came before it, and error() is set.
    std::string read_all();

private:
    int fd_;
    int error_;
};

/// Effects: replaces the file at `path` by `contents`, or leaves it as it was. Fails when: the directory or the disk
/// does not let it: problem.
void replace_file(const std::string& path, std::string_view contents);

}  // namespace pinscope
