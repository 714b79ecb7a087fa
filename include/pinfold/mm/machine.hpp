// SPDX-License-Identifier: BSL-1.0
// The facade: a machine with memory, files and tasks.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "entry_points_2019.hpp"
#include "entry_points_6_12.hpp"
#include "file_calls.hpp"
#include "fork.hpp"
#include "ksm.hpp"
#include "split_range.hpp"
#include "task.hpp"

namespace pinfold::mm {

enum class fill : unsigned char { sparse, pattern };  ///< pattern: every byte of page k is (k & 0x7f) + 1

template <class P>
class machine {
public:
    using profile = P;
    using page = frame<P>;

    explicit machine(const options& o = {}) : phys_(o), next_device_(phys_.device_first()), pmem_size_(o.pmem) {}
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine() {
        tasks_.clear();
        phys_.lru_drain_all();
        for (auto& f : files_)
            if (!f->raw) cache_drop_all(phys_, *f);
    }

    [[nodiscard]] physical<P>& phys() noexcept { return phys_; }
    [[nodiscard]] warnings& warn() noexcept { return phys_.warn; }

    /// A task with an empty address space; lives until exit(task) or the machine's end.
    task<P>& spawn() {
        std::lock_guard lock(lock_);
        tasks_.push_back(std::make_unique<task<P>>(*this, phys_));
        return *tasks_.back();
    }
    /// Returns: a copy of the task, or -ENOMEM. Its has_pinned is its own (spec 10 §6).
    result<task<P>*> fork(task<P>& parent) {
        task<P>& child = spawn();
        if (const int error = fork_space(parent.mm(), child.mm())) {
            exit(child);
            return {nullptr, error};
        }
        return {&child, 0};
    }
    /// Effects: the task and its address space go, and t with them; pages that are pinned live on their pins.
    /// Requires: no other thread is in a call on t or on a userfault of it, asleep in a watched fault or not. Who has
    /// threads that may sleep there closes the userfaults, which wakes them, and joins the threads first.
    void exit(task<P>& t) {
        std::unique_ptr<task<P>> gone;
        {
            std::lock_guard lock(lock_);
            for (auto it = tasks_.begin(); it != tasks_.end(); ++it)
                if (it->get() == &t) {
                    gone = std::move(*it);
                    tasks_.erase(it);
                    break;
                }
        }
    }

    [[nodiscard]] ksm_daemon<P>& ksm() noexcept { return ksm_; }

    /// Effects: calls visit(task&) for each. Requires: nobody spawns or exits meanwhile.
    template <class Visit>
    void each_task(Visit visit) {
        for (auto& t : tasks_) visit(*t);
    }

    file& create_file(file_kind kind, std::uint64_t size, fill how = fill::sparse) {
        std::lock_guard lock(lock_);
        files_.push_back(std::make_unique<file>(kind, size));
        file& f = *files_.back();
        if (kind == file_kind::fsdax) {
            f.dax = std::make_unique<dax_inode>(pmem_locked().blocks);
            if (how == fill::pattern) (void)dax_fill(phys_, f);  // what does not fit on the device stays a hole
        } else if (how == fill::pattern) {
            fill_with_pattern(f);
        }
        return f;
    }
    /// The filesystem all DAX files are on, made at first use.
    dax_filesystem<P>& pmem() {
        std::lock_guard lock(lock_);
        return pmem_locked();
    }
    /// A device with memory of its own, PRIVATE or COHERENT, and its driver.
    device_memory<P>& create_device_memory(device_type type, std::uint64_t size) {
        std::lock_guard lock(lock_);
        const std::uint64_t n = align_up(size, page_size) >> page_shift;
        const pfn first = next_device_;
        next_device_ = first + n;
        device_memories_.push_back(std::make_unique<device_memory<P>>(phys_, type, first, n));
        return *device_memories_.back();
    }
    /// A device and the character device that maps it, in units of 2^order pages only.
    file& create_device_file(std::uint64_t size, unsigned order = pmd_order) {
        std::lock_guard lock(lock_);
        const std::uint64_t unit = page_size << order;
        const pfn first{align_up(next_device_.n, unit >> page_shift)};
        std::uint64_t n = align_up(size, unit) >> page_shift;
        if (create_pagemap(phys_, device_type::generic, first, n, order)) next_device_ = first + n;
        else n = 0;  // no room for it: a device without pages
        files_.push_back(std::make_unique<file>(file_kind::devdax, n << page_shift));
        files_.back()->dax = std::make_unique<dax_inode>(first, order);
        return *files_.back();
    }
    /// What backs a shared anonymous mapping.
    file& shared_anonymous(std::uint64_t size) {
        file& f = create_file(file_kind::memfd, align_up(size, page_size));
        f.closed = true;  // only its mappings reach it
        return f;
    }

    /// A hugetlb file of pages of 2^order frames, all holes. Mapping it makes promises; see mapping.hpp.
    file& create_huge_file(std::uint64_t size, unsigned order) {
        std::lock_guard lock(lock_);
        files_.push_back(std::make_unique<file>(file_kind::hugetlb, align_up(size, page_size << order), order));
        return *files_.back();
    }
    /// What backs anonymous huge pages: a file that only its mappings reach.
    file& anonymous_huge(std::uint64_t size, unsigned order) {
        file& f = create_huge_file(size, order);
        f.closed = true;
        return f;
    }

    // ---- calls on files: file_calls.hpp ------------------------------------------------------------------
    [[nodiscard]] int truncate(file& f, std::uint64_t size) { return truncate_file(phys_, f, size); }
    [[nodiscard]] int fallocate(file& f, file_change what, std::uint64_t offset, std::uint64_t len) {
        return change_file(phys_, f, what, offset, len);
    }
    int fsync(file& f) { return sync_file(phys_, f); }
    [[nodiscard]] int pread(file& f, std::uint64_t offset) { return read_file(phys_, f, offset); }
    [[nodiscard]] int pwrite(file& f, std::uint64_t offset, unsigned char v) { return write_file(phys_, f, offset, v); }
    /// posix_fadvise over the whole file.
    int fadvise(file& f, file_advice what) { return advise_file(phys_, f, what); }
    void close(file& f) { close_file(phys_, f); }
    /// Effects: every clean cached page that nobody uses is dropped.
    void drop_caches() {
        std::lock_guard lock(lock_);
        for (auto& f : files_)
            if (f->kind != file_kind::driver) drop_clean(phys_, *f);
    }

    /// A page of a driver, for insert_page: one reference, the driver's. Give it back with put_driver_page.
    [[nodiscard]] page* driver_page() {
        page* p = phys_.alloc({.movable = false});
        if (p) phys_.pass(p, holder::hand_out, holder::device);
        return p;
    }
    void put_driver_page(page* p) { phys_.drop(p, holder::device); }
    /// What a driver maps page by page when it is asked for (vm_ops->fault): n pages of its own; or, raw, memory
    /// without descriptors (VM_PFNMAP). What it does not have is SIGBUS.
    file& create_driver_file(std::uint64_t n, bool raw = false) {
        file& f = create_file(file_kind::driver, n << page_shift);
        f.raw = raw;
        const pfn first = raw ? device_frames(n) : pfn{};
        std::lock_guard guard(f.lock);
        for (std::uint64_t k = 0; k < n; ++k) {
            page* p = raw ? nullptr : phys_.alloc({.movable = false});
            if (!raw && !p) break;
            if (p) phys_.pass(p, holder::hand_out, holder::page_cache);
            f.cache.emplace(k, file::cached{raw ? first + k : phys_.number(p), 0});
        }
        return f;
    }
    /// Frame numbers of raw device memory without descriptors anybody may use.
    [[nodiscard]] pfn device_frames(std::uint64_t n) {
        std::lock_guard lock(lock_);
        const pfn first = next_device_;
        next_device_ = next_device_ + n;
        return first;
    }

    // ---- the device behind a pin reads and writes --------------------------------------------------------
    void dma_write(page* p, std::uint64_t offset, unsigned char value) {
        phys_.data.store(*p, phys_.number(p), offset, value);
    }
    [[nodiscard]] unsigned char dma_read(const page* p, std::uint64_t offset) const {
        return phys_.data.load(phys_.number(p), offset);
    }

    // ---- looking -----------------------------------------------------------------------------------------
    [[nodiscard]] observation<P> inspect(task<P>& t, vaddr a) { return t.inspect(a); }
    [[nodiscard]] page_state<P> state_of(page* p) {
        phys_.lru_drain_all();
        return mm::state_of(phys_, p);
    }
    /// Pins acquired and released (2019: requested and returned), all nodes.
    [[nodiscard]] pin_counters counters() const noexcept { return phys_.stats.total(); }
    [[nodiscard]] pin_counters counters(unsigned node) const noexcept { return phys_.stats.of(node); }
    [[nodiscard]] std::uint64_t free_pages() { return phys_.free_pages(); }

private:
    dax_filesystem<P>& pmem_locked() {
        if (!pmem_) {
            const pfn first{align_up(next_device_.n, pages_per_pmd)};
            const std::uint64_t room = phys_.device_end() - first;
            const std::uint64_t wanted = align_up(pmem_size_, pmd_size) >> page_shift;
            const std::uint64_t n = wanted < room ? wanted : room;
            next_device_ = first + n;
            pmem_ = std::make_unique<dax_filesystem<P>>(phys_, first, n);
        }
        return *pmem_;
    }
    void fill_with_pattern(file& f) {
        std::lock_guard guard(f.lock);
        for (std::uint64_t k = 0; k < f.pages(); ++k) {
            const auto value = static_cast<unsigned char>((k & 0x7f) + 1);
            const std::uint64_t rest = f.size - (k << page_shift);
            const std::uint64_t n = rest < page_size ? rest : page_size;
            if (f.is_shmem()) {
                const bool is_new = !f.find(k);  // else part of a huge folio
                page* p = is_new ? shmem_add_locked(phys_, f, k) : phys_.nth(phys_.at(f.find(k)->second.first), k - f.find(k)->first);
                if (!p) return;
                phys_.data.fill(*p, phys_.number(p), value, 0, n);
                phys_.head(p)->set(pg::dirty);
                if (is_new) phys_.lru_add(phys_.head(p));
            } else {
                auto& block = f.blocks[k];
                for (std::uint64_t i = 0; i < n; ++i) block[i] = value;
            }
        }
    }

    physical<P> phys_;
    ksm_daemon<P> ksm_{phys_};
    mutex lock_;
    pfn next_device_;
    std::uint64_t pmem_size_;
    std::unique_ptr<dax_filesystem<P>> pmem_;
    std::list<std::unique_ptr<device_memory<P>>> device_memories_;
    std::list<std::unique_ptr<file>> files_;
    std::list<std::unique_ptr<task<P>>> tasks_;
};

}  // namespace pinfold::mm
