// SPDX-License-Identifier: BSL-1.0
// The system calls on files, by kind of file. Results: 0, or a value, or a negative errno.
#pragma once

#include "cached_io.hpp"
#include "dax_file.hpp"
#include "fallocate.hpp"
#include "hugetlb_file.hpp"
#include "invalidate.hpp"

namespace pinfold::mm {

namespace detail {

/// Whether the file is one of pages in the cache, with a filesystem or memory behind it.
[[nodiscard]] inline bool is_cached_file(const file& f) noexcept { return f.kind == file_kind::ext4 || f.is_shmem(); }
/// Whether it is a device, not a file with a length.
[[nodiscard]] inline bool is_device_file(const file& f) noexcept {
    return f.kind == file_kind::devdax || f.kind == file_kind::driver;
}
[[nodiscard]] inline bool fits(std::uint64_t offset) noexcept { return static_cast<std::int64_t>(offset) >= 0; }

}  // namespace detail

/// ftruncate.
template <class P>
[[nodiscard]] int truncate_file(physical<P>& phys, file& f, std::uint64_t size) {
    if (!detail::fits(size)) return -err::einval;
    if (f.kind == file_kind::fsdax) return dax_truncate(phys, f, size);
    if (f.is_hugetlb()) return truncate_huge(phys, f, size);
    if (detail::is_cached_file(f)) return truncate_cached(phys, f, size);
    return -err::einval;
}

/// fallocate; punching keeps the size.
template <class P>
[[nodiscard]] int change_file(physical<P>& phys, file& f, file_change what, std::uint64_t offset, std::uint64_t len) {
    if (!detail::fits(offset) || !detail::fits(len) || len == 0) return -err::einval;
    if (detail::is_device_file(f)) return -err::enodev;
    if (f.kind == file_kind::fsdax) return dax_fallocate(phys, f, what, offset, len);
    if (detail::is_cached_file(f)) return fallocate_cached(phys, f, what, offset, len);
    if (f.is_hugetlb()) {
        if (what == file_change::punch) return punch_huge(phys, f, offset, len);
        if (what == file_change::alloc) return allocate_huge(phys, f, offset, len, false);
    }
    return -err::eopnotsupp;
}

/// fsync and msync(MS_SYNC): what was written is on record, entries are clean. Pages [first, last).
template <class P>
int sync_file(physical<P>& phys, file& f, std::uint64_t first = 0, std::uint64_t last = ~std::uint64_t{0}) {
    if (detail::is_device_file(f) || f.kind == file_kind::secret) return -err::einval;
    if (f.kind == file_kind::fsdax) dax_sync(phys, f, first, last);
    write_back(phys, f, first, last);  // memory has nothing behind it to be written to
    return 0;
}

/// pread of one byte. Returns: the byte; end_of_file; or a negative errno below that.
template <class P>
[[nodiscard]] int read_file(physical<P>& phys, file& f, std::uint64_t offset) {
    if (!detail::fits(offset)) return -err::einval;
    if (f.kind == file_kind::fsdax) return dax_read(phys, f, offset);
    if (f.is_hugetlb()) return read_huge(phys, f, offset);
    if (detail::is_cached_file(f)) return read_cached(phys, f, offset);
    return -err::einval;
}

/// pwrite of one byte.
template <class P>
[[nodiscard]] int write_file(physical<P>& phys, file& f, std::uint64_t offset, unsigned char value) {
    if (!detail::fits(offset)) return -err::einval;
    if (f.kind == file_kind::fsdax) return dax_write(phys, f, offset, value);
    if (detail::is_cached_file(f)) return write_cached(phys, f, offset, value);
    return -err::einval;
}

/// posix_fadvise over a whole file: its clean pages are not needed; or, it will be read at random, as it is here anyhow.
enum class file_advice : unsigned char { dontneed, random };

template <class P>
[[nodiscard]] int advise_file(physical<P>& phys, file& f, file_advice what) {
    if (f.kind != file_kind::ext4 || what != file_advice::dontneed) return 0;  // memory is not dropped
    write_back(phys, f);
    drop_clean(phys, f);
    return 0;
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
    forsake_cached(phys, f);
}

}  // namespace pinfold::mm
