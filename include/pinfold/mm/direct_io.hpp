// SPDX-License-Identifier: BSL-1.0
// Direct I/O: blocks go straight to and from the pages of a process, which are pinned for as long. What the cache has
// of the range is written first, and, for a write, thrown out. Other files copy. Source: spec 06 §2, spec 10 §15.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "cpu.hpp"
#include "file_calls.hpp"
#include "foll.hpp"
#include "release.hpp"

namespace pinfold::mm {

enum class io : unsigned char { read, write };  ///< from the file, to the file

namespace detail {

inline constexpr std::uint64_t sector = 512;
inline constexpr std::uint64_t pages_per_bio = 256;

/// Effects: each(page, offset in it, byte number) for bytes [0, n) of the process from `a`, as it would access them.
/// Returns: bytes reached before a fault.
template <class P, class Each>
[[nodiscard]] std::uint64_t access_bytes(space<P>& mm, vaddr a, std::uint64_t n, bool write, Each each) {
    std::uint64_t done = 0;
    while (done < n) {
        const std::uint64_t begin = (a + done) & ~page_mask, room = std::min(n - done, page_size - begin);
        const auto use = [&](frame<P>& page, pfn) {
            for (std::uint64_t i = 0; i < room; ++i) each(page, begin + i, done + i);
        };
        if (cpu_access(mm, a + done, write, use) != fault_result::ok) break;
        done += room;
    }
    return done;
}

/// One request on a file of a filesystem. Task offers pin_user_pages_fast.
template <class P, class Task>
class direct_request {
public:
    direct_request(Task& t, file& f, io what, std::uint64_t offset, vaddr a, std::uint64_t len)
        : task_(t), mm_(t.mm()), phys_(mm_.phys), f_(f), what_(what), offset_(offset), a_(a), len_(len) {}

    [[nodiscard]] long run() {
        const std::uint64_t first = offset_ >> page_shift, last = ((offset_ + len_ - 1) >> page_shift) + 1;
        if (what_ == io::read && offset_ >= size()) return 0;
        if (((offset_ | a_ | len_) & (sector - 1)) != 0) return -err::einval;
        std::unique_lock<sleeping_mutex> writers;
        if (what_ == io::write) writers = std::unique_lock(f_.io);
        write_back(phys_, f_, first, last);
        if (what_ == io::write && invalidate_for_io(phys_, f_, first, last) != 0) {
            writers.unlock();
            return through_the_cache(first, last);
        }
        for (std::uint64_t done = 0; done < len_;) {
            const std::uint64_t n = transfer(done);
            if (n == 0) return -err::efault;  // whatever came before it
            done += n;
        }
        if (what_ == io::read) {  // it holds nobody off: the file may have become shorter
            const std::uint64_t end = size();
            return offset_ < end ? static_cast<long>(std::min(len_, end - offset_)) : 0;
        }
        {
            std::lock_guard cache(f_.lock);
            f_.size = std::max(f_.size, offset_ + len_);
        }
        (void)invalidate_for_io(phys_, f_, first, last);  // what the buffer's own faults have read in
        return static_cast<long>(len_);
    }

private:
    [[nodiscard]] std::uint64_t size() {
        std::lock_guard cache(f_.lock);
        return f_.size;
    }
    /// Returns: bytes from `done` on that are alike: with blocks behind them, or none.
    [[nodiscard]] std::uint64_t run_length(std::uint64_t done, bool& hole) {
        std::lock_guard cache(f_.lock);
        const std::uint64_t from = offset_ + done, end = offset_ + len_;
        hole = what_ == io::read && f_.blocks.count(from >> page_shift) == 0;
        std::uint64_t at = (from & page_mask) + page_size;
        while (at < end && (what_ == io::write || (f_.blocks.count(at >> page_shift) == 0) == hole)) at += page_size;
        return std::min(at, end) - from;
    }
    /// Returns: bytes done, 0 when the buffer cannot be reached.
    [[nodiscard]] std::uint64_t transfer(std::uint64_t done) {
        bool hole = false;
        const std::uint64_t length = run_length(done, hole);
        const vaddr a = a_ + done;
        if (hole)  // nothing to be read: the kernel itself stores zeros, and pins nothing
            return access_bytes(mm_, a, length, true, [this](frame<P>& page, std::uint64_t at, std::uint64_t) {
                phys_.data.store(page, phys_.number(&page), at, 0);
            });
        const std::uint64_t wanted = std::min((align_up(a + length, page_size) - (a & page_mask)) >> page_shift, pages_per_bio);
        std::vector<frame<P>*> pages(wanted);
        const unsigned flags = what_ == io::read ? foll::write : 0U;
        const long got = task_.pin_user_pages_fast(a, static_cast<long>(wanted), flags, pages);
        if (got <= 0) return 0;
        const std::span<frame<P>* const> held(pages.data(), static_cast<std::size_t>(got));
        if (what_ == io::read)
            for (frame<P>* page : held) dirty_lock(phys_.head(page));  // before the device writes
        const std::uint64_t n = std::min(length, (static_cast<std::uint64_t>(got) << page_shift) - (a & ~page_mask));
        move(held, a & ~page_mask, offset_ + done, n);
        unpin_array<P>(phys_, held, false);
        return n;
    }
    /// The device at work. What a read no longer finds, for the file was cut meanwhile, is zeros.
    void move(std::span<frame<P>* const> pages, std::uint64_t begin, std::uint64_t offset, std::uint64_t n) {
        std::lock_guard cache(f_.lock);
        for (std::uint64_t i = 0; i < n; ++i) {
            frame<P>* page = pages[(begin + i) >> page_shift];
            const std::uint64_t at = (begin + i) & ~page_mask;
            const std::uint64_t block = (offset + i) >> page_shift, in_block = (offset + i) & ~page_mask;
            if (what_ == io::read) {
                const auto it = f_.blocks.find(block);
                phys_.data.store(*page, phys_.number(page), at, it == f_.blocks.end() ? 0 : it->second[in_block]);
            } else {
                f_.blocks[block][in_block] = phys_.data.load(phys_.number(page), at);
            }
        }
    }
    /// A page of the range is dirty again: the write is an ordinary one, followed by writeback.
    [[nodiscard]] long through_the_cache(std::uint64_t first, std::uint64_t last) {
        const long n = copy_io(mm_, f_, what_, offset_, a_, len_);
        write_back(phys_, f_, first, last);
        drop_clean(phys_, f_, first, last);
        return n;
    }

    Task& task_;
    space<P>& mm_;
    physical<P>& phys_;
    file& f_;
    io what_;
    std::uint64_t offset_;
    vaddr a_;
    std::uint64_t len_;
};

}  // namespace detail

/// read and write by copying, as without O_DIRECT. Returns: bytes, or -EFAULT or what the file answers, before the first.
template <class P>
[[nodiscard]] long copy_io(space<P>& mm, file& f, io what, std::uint64_t offset, vaddr a, std::uint64_t len) {
    physical<P>& phys = mm.phys;
    std::vector<unsigned char> bytes(std::min<std::uint64_t>(len, page_size));
    std::uint64_t done = 0;
    while (done < len) {
        std::uint64_t n = std::min<std::uint64_t>(len - done, bytes.size());
        int error = 0;
        if (what == io::read) {
            std::uint64_t got = 0;
            for (; got < n; ++got) {
                error = read_file(phys, f, offset + done + got);
                if (error < 0) break;
                bytes[got] = static_cast<unsigned char>(error);
            }
            n = got;
            if (n == 0) return done != 0 || error == end_of_file ? static_cast<long>(done) : error;
        }
        const std::uint64_t reached = detail::access_bytes(mm, a + done, n, what == io::read, [&](frame<P>& page, std::uint64_t at, std::uint64_t i) {
            if (what == io::read) phys.data.store(page, phys.number(&page), at, bytes[i]);
            else bytes[i] = phys.data.load(phys.number(&page), at);
        });
        if (what == io::write)
            for (std::uint64_t i = 0; i < reached; ++i)
                if (const int bad = write_file(phys, f, offset + done + i, bytes[i]))
                    return done + i != 0 ? static_cast<long>(done + i) : bad;
        done += reached;
        if (reached < n) return done != 0 ? static_cast<long>(done) : -err::efault;
    }
    return static_cast<long>(done);
}

/// One request of a process on a file opened with O_DIRECT. Returns: bytes, or a negative errno.
template <class Task>
[[nodiscard]] long direct_io(Task& t, file& f, io what, std::uint64_t offset, vaddr a, std::uint64_t len) {
    using P = typename Task::profile;
    if (static_cast<std::int64_t>(offset) < 0 || f.is_hugetlb() || f.kind == file_kind::devdax ||
        f.kind == file_kind::driver || f.kind == file_kind::secret)
        return -err::einval;
    if (a + len < a || a + len > space<P>::geo::user_end) return -err::efault;
    if (len == 0) return 0;
    if (f.kind != file_kind::ext4) return copy_io(t.mm(), f, what, offset, a, len);
    return detail::direct_request<P, Task>(t, f, what, offset, a, len).run();
}

}  // namespace pinfold::mm
