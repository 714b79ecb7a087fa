// SPDX-License-Identifier: BSL-1.0
#include "files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "problem.hpp"

namespace pinscope {

input::input(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), error_(fd_ < 0 ? errno : 0) {}

input::~input() {
    if (fd_ >= 0) ::close(fd_);
}

std::size_t input::read_words(u64 first, std::span<u64> words) {
    const auto bytes = std::as_writable_bytes(words);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto n =
            ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(first * sizeof(u64) + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) error_ = errno;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done / sizeof(u64);
}

std::string input::read_all() {
    std::string text;
    std::array<char, 1 << 16> buffer;
    while (true) {
        const auto n = ::read(fd_, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) error_ = errno;
        if (n <= 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

void replace_file(const std::string& path, std::string_view contents) {
    const auto failed = [&] {
        return problem("cannot write " + path + ": " + std::strerror(errno) + "; choose another file or directory");
    };
    struct stat known {};
    if (::stat(path.c_str(), &known) == 0 && S_ISDIR(known.st_mode)) {
        errno = EISDIR;
        throw failed();
    }
    // Written beside it and then renamed: nobody ever sees half a file. A pipe or /dev/stdout is written as it is.
    const bool plain = ::stat(path.c_str(), &known) != 0 || S_ISREG(known.st_mode);
    auto name = plain ? path + ".XXXXXX" : path;
    const int fd = plain ? ::mkstemp(name.data()) : ::open(name.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) throw failed();
    bool good = true;
    while (good && !contents.empty()) {
        const auto n = ::write(fd, contents.data(), contents.size());
        good = n > 0 || errno == EINTR;
        if (n > 0) contents.remove_prefix(static_cast<std::size_t>(n));
    }
    if (plain) {
        const auto mask = ::umask(0);
        ::umask(mask);
        good = good && ::fchmod(fd, 0666 & ~mask) == 0;
    }
    good = ::close(fd) == 0 && good;
    if (good && plain) good = std::rename(name.c_str(), path.c_str()) == 0;
    if (!good) {
        const auto complaint = failed();
        if (plain) ::unlink(name.c_str());
        throw complaint;
    }
}

}  // namespace pinscope
