// SPDX-License-Identifier: BSL-1.0
// The system calls on files, by kind of file. Results: 0, or a value, or a negative errno.
#pragma once

#include "dax_file.hpp"
#include "hugetlb_file.hpp"

namespace pinfold::mm {

/// ftruncate.
template <class P>
[[nodiscard]] int truncate_file(physical<P>& phys, file& f, std::uint64_t size) {
    if (f.kind == file_kind::fsdax) return dax_truncate(phys, f, size);
    if (f.is_hugetlb()) return truncate_huge(phys, f, size);
    return -err::einval;
}

/// fallocate; punching keeps the size.
template <class P>
[[nodiscard]] int change_file(physical<P>& phys, file& f, file_change what, std::uint64_t offset, std::uint64_t len) {
    if (f.kind == file_kind::fsdax) return dax_fallocate(phys, f, what, offset, len);
    if (f.is_hugetlb()) {
        if (what == file_change::punch) return punch_huge(phys, f, offset, len);
        if (what == file_change::alloc) return allocate_huge(phys, f, offset, len, false);
    }
    return -err::eopnotsupp;
}

/// fsync and msync(MS_SYNC): what was written is on record, entries are clean. Pages [first, last).
template <class P>
int sync_file(physical<P>& phys, file& f, std::uint64_t first = 0, std::uint64_t last = ~std::uint64_t{0}) {
    if (f.kind == file_kind::ext4) return -err::eopnotsupp;
    if (f.kind == file_kind::fsdax) dax_sync(phys, f, first, last);
    return 0;  // memory has nothing behind it to be written to
}

inline constexpr int end_of_file = -1;

/// pread of one byte. Returns: the byte; end_of_file; or a negative errno below that.
template <class P>
[[nodiscard]] int read_file(physical<P>& phys, file& f, std::uint64_t offset) {
    if (f.kind == file_kind::fsdax) return dax_read(phys, f, offset);
    if (f.is_hugetlb()) return read_huge(phys, f, offset);
    return -err::eopnotsupp;
}

/// pwrite of one byte.
template <class P>
[[nodiscard]] int write_file(physical<P>& phys, file& f, std::uint64_t offset, unsigned char value) {
    if (f.kind == file_kind::fsdax) return dax_write(phys, f, offset, value);
    return -err::einval;
}

/// Effects: the last handle of an unlinked file goes, and with its last mapping the file.
template <class P>
void close_file(physical<P>& phys, file& f) {
    {
        std::lock_guard lock(f.lock);
        f.closed = true;
    }
    if (f.dax) dax_forsake(phys, f);
    if (f.is_hugetlb()) forsake_huge(phys, f);
}

}  // namespace pinfold::mm
