// SPDX-License-Identifier: BSL-1.0
// A range of zero-filled memory that costs address space only until it is touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace pinfold::mm {

class arena {
public:
    arena() = default;
    /// Throws: std::bad_alloc when the address space is not granted.
    explicit arena(std::size_t bytes) : size_(bytes) {
        void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) throw std::bad_alloc{};
#ifdef MADV_DONTDUMP
        ::madvise(p, bytes, MADV_DONTDUMP);
#endif
        base_ = static_cast<std::byte*>(p);
    }
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;
    ~arena() {
        if (base_) ::munmap(base_, size_);
    }

    [[nodiscard]] std::byte* data() const noexcept { return base_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::byte* base_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace pinfold::mm
