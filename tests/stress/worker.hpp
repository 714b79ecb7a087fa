// SPDX-License-Identifier: BSL-1.0
// One thread at work: deeds by chance, on the tasks of all and on a task of its own.
#pragma once

#include <algorithm>
#include <iterator>

#include "field.hpp"
#include "gate.hpp"

namespace stress {

template <class P>
class worker {
public:
    worker(field<P>& all, unsigned who, std::uint32_t seed)
        : done(std::size(deeds)), all_(all), box_(all.box), dice_(seed + who * 7919), who_(who), mine_(&all.new_task()), held_(box_, who) {}

    void work(gate& g) {
        while (g.pass()) {
            const std::size_t i = chosen();
            doing.store(deeds[i].name, std::memory_order_relaxed);
            (this->*deeds[i].act)();
            ++done[i];
            while (held_.is_full()) held_.give_one_back(dice_);
        }
        doing.store("leaves", std::memory_order_relaxed);
        let_go_of_kept();
        while (!held_.is_empty()) held_.give_one_back(dice_);
        box_.exit(*mine_);
    }

    /// Requires: quiet.
    void count(units& pins, units& references) const {
        held_.count(pins, references);
        for (const kept_pin& k : kept_) ++pins[box_.phys().number(box_.phys().head(k.page)).n];
    }
    [[nodiscard]] std::vector<std::string> faults() const {
        std::vector<std::string> both = held_.faults();
        both.insert(both.end(), torn_.begin(), torn_.end());
        return both;
    }
    [[nodiscard]] static const char* name_of(std::size_t deed) { return deeds[deed].name; }

    std::atomic<const char*> doing{"begins"};
    std::vector<std::uint64_t> done;           ///< by deed
    std::uint64_t pinned = 0, referenced = 0;  ///< pages
    std::map<long, std::uint64_t> refused;     ///< calls that gave nothing, by what they answered

private:
    using pages = std::vector<mm::frame<P>*>;

    // ---- where ---------------------------------------------------------------------------------------------
    /// A task, kept from ending while it is used.
    struct visit {
        std::shared_lock<std::shared_mutex> life;
        mm::task<P>* task;
    };
    visit anyone() {
        if (below(3) == 0) return {{}, mine_};
        auto& c = all_.common[below(field<P>::tasks)];
        std::shared_lock life(c.life);
        return {std::move(life), c.task};
    }
    struct range {
        region r;
        vaddr a;
        std::uint64_t n, bytes;  ///< pages, and the same
    };
    /// A piece of any region that is stirred.
    range somewhere(std::uint64_t most = 64) {
        const auto r = static_cast<region>(below(stirred_regions));
        const std::uint64_t all = length_of(r) / mm::page_size, first = below(static_cast<std::uint32_t>(all));
        const std::uint64_t n = std::min<std::uint64_t>(1 + below(static_cast<std::uint32_t>(most)), all - first);
        return {r, base_of(r) + first * mm::page_size, n, n * mm::page_size};
    }
    /// Likewise, in whole units of what the region can give back.
    range in_units() {
        range s = somewhere();
        s.a = mm::align_down(s.a, unit_of(s.r));
        s.bytes = mm::align_up(s.bytes, unit_of(s.r));
        return s;
    }
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(dice_() % n); }
    bool either() { return below(2) == 0; }
    unsigned char byte() { return static_cast<unsigned char>(1 + below(250)); }

    // ---- the process ---------------------------------------------------------------------------------------
    void touch() {
        const visit v = anyone();
        const range s = somewhere();
        for (std::uint64_t k = 0; k < std::min<std::uint64_t>(s.n, 8); ++k) (void)v.task->touch(s.a + k * mm::page_size, either());
    }
    void store() {
        const visit v = anyone();
        (void)v.task->store(somewhere().a + below(2048), byte());
    }
    void load() {
        const visit v = anyone();
        (void)v.task->load(somewhere().a + below(4096));
    }
    void fault_in() {
        const visit v = anyone();
        const range s = somewhere();
        (void)v.task->fault_in(s.a, s.n, either());
    }
    void advise() {
        using mm::advice;
        constexpr advice which[] = {advice::dontneed, advice::dontneed, advice::free, advice::cold, advice::pageout, advice::pageout,
                                    advice::populate_read, advice::populate_write, advice::mergeable, advice::unmergeable,
                                    advice::dontfork, advice::dofork, advice::wipeonfork, advice::keeponfork,
                                    advice::hugepage, advice::nohugepage, advice::remove, advice::dontneed_locked, advice::random, advice::willneed};
        const visit v = anyone();
        const range s = in_units();
        (void)v.task->madvise(s.a, s.bytes, which[below(std::size(which))]);
    }
    void protect() {
        const visit v = anyone();
        const range s = in_units();
        const bool whole = either();
        (void)v.task->mprotect(whole ? base_of(s.r) : s.a, whole ? length_of(s.r) : s.bytes,
                               below(3) == 0 ? mm::prot::read : mm::prot::rw);
    }
    void unmap() {
        const visit v = anyone();
        const range s = in_units();
        (void)v.task->munmap(s.a, s.bytes);
    }
    void remap() {
        const visit v = anyone();
        (void)all_.remap(*v.task, somewhere().r);
    }
    /// A mapping moves, grows or shrinks; what is in its way goes.
    void move_mapping() {
        const visit v = anyone();
        const range from = in_units(), to = in_units();
        mm::remapping r{.old_length = from.bytes, .new_length = from.bytes};
        if (below(4) != 0) r.to = to.a, r.keep_old = below(4) == 0;
        else r.new_length = mm::align_up(from.bytes / 2, unit_of(from.r));
        (void)v.task->mremap(from.a, r);
    }
    void lock() {
        const visit v = anyone();
        const range s = somewhere();
        switch (below(4)) {
            case 0: (void)v.task->mlock(s.a, s.bytes); break;
            case 1: (void)v.task->mlock_on_fault(s.a, s.bytes); break;
            default: (void)v.task->munlock(base_of(s.r), length_of(s.r)); break;
        }
    }
    void sync() {
        const visit v = anyone();
        const range s = somewhere();
        (void)v.task->msync(s.a, s.bytes, either() ? mm::sync_mode::sync : mm::sync_mode::async);
        (void)v.task->mincore(s.a, s.bytes);
    }
    void look() {
        const visit v = anyone();
        const range s = somewhere();
        (void)v.task->inspect(s.a);
        if (auto* p = v.task->get_dump_page(s.a)) v.task->put_page(p);
    }

    // ---- families ------------------------------------------------------------------------------------------
    /// A child that writes, pins and ends, or is this thread's own from now on.
    void fork() {
        const visit v = anyone();
        const auto made = box_.fork(*v.task);
        if (!made) return;
        mm::task<P>& child = **made;
        for (unsigned k = 0; k < 3; ++k) (void)child.store(somewhere().a, byte());
        const range s = somewhere(16);
        pages out(s.n);
        took(child.pin_user_pages_fast(s.a, static_cast<long>(s.n), mm::foll::write, out), out, true, true);
        if (below(4) != 0) return box_.exit(child);
        let_go_of_kept();
        box_.exit(*std::exchange(mine_, &child));
    }
    /// A task of all ends, if nobody is in a call of it, and another takes its place.
    void replace_common() {
        if (below(4) != 0) return;
        auto& c = all_.common[below(field<P>::tasks)];
        const std::unique_lock alone(c.life, std::try_to_lock);
        if (!alone.owns_lock()) return;
        box_.exit(*c.task);
        c.task = &all_.new_task();
    }

    // ---- the machine ---------------------------------------------------------------------------------------
    void split() {
        const visit v = anyone();
        const range s = somewhere();
        (void)mm::split_range(v.task->mm(), s.a, s.a + s.bytes);
        if (below(4) == 0) (void)mm::split_partly_mapped(box_.phys());
    }
    void collapse() {
        const visit v = anyone();
        if (below(8) == 0) {
            (void)mm::khugepaged_scan(v.task->mm());
            return;
        }
        const region r = either() ? region::huge : region::huge_memory_file;
        (void)v.task->madvise(base_of(r) + below(2) * 2_MiB, 2_MiB, mm::advice::collapse);
    }
    void migrate() {
        constexpr mm::request places[] = {{.node = 1, .exact = true}, {.movable = false}, {.cma = true}, {}};
        const visit v = anyone();
        const range s = somewhere();
        if (either()) {
            (void)mm::migrate_page(v.task->mm(), s.a, places[below(std::size(places))]);
            return;
        }
        std::vector<vaddr> at;
        for (std::uint64_t k = 0; k < s.n; ++k) at.push_back(s.a + k * mm::page_size);
        std::vector<int> status;
        (void)mm::move_pages(v.task->mm(), at, below(2), status);
    }
    void compact() {
        if (below(8) == 0) (void)mm::compact_memory(box_.phys(), either() ? mm::migrate_mode::sync : mm::migrate_mode::async);
        const auto got = mm::cma_alloc(box_.phys(), 1 + below(32));
        if (got.error == 0) mm::cma_release(box_.phys(), got);
    }
    void hint() {
        const visit v = anyone();
        const range s = somewhere();
        if (either()) (void)mm::mark_for_hints(v.task->mm(), s.a, s.bytes);
        else mm::clear_soft_dirty(v.task->mm());
    }
    void merge() {
        if (below(4) == 0) box_.ksm().run(1);
    }

    // ---- files ---------------------------------------------------------------------------------------------
    mm::file& some_file() {
        mm::file* const files[] = {all_.ext4, all_.memory, all_.hugetlb, all_.dax};
        return *files[below(std::size(files))];
    }
    static std::uint64_t length_of_file(const field<P>& all, const mm::file& f) {
        return length_of(&f == all.ext4 ? region::file_shared : &f == all.memory ? region::huge_memory_file
                         : &f == all.hugetlb ? region::hugetlb_file : region::dax);
    }
    /// What is cut of a file of DAX waits for its pins: this thread keeps none of them.
    void truncate() {
        mm::file& f = some_file();
        const std::uint64_t full = length_of_file(all_, f);
        if (either()) (void)box_.truncate(f, mm::align_down(below(static_cast<std::uint32_t>(full)), f.is_hugetlb() ? 2_MiB : 1));
        (void)box_.truncate(f, full);
    }
    void punch() {
        mm::file& f = some_file();
        const std::uint64_t unit = f.is_hugetlb() ? 2_MiB : 1;
        const std::uint64_t at = mm::align_down(below(static_cast<std::uint32_t>(length_of_file(all_, f))), unit);
        constexpr mm::file_change changes[] = {mm::file_change::punch, mm::file_change::punch, mm::file_change::zero, mm::file_change::alloc};
        (void)box_.fallocate(f, changes[below(std::size(changes))], at, std::max<std::uint64_t>(unit, 1 + below(200000)));
    }
    void read_write() {
        mm::file& f = some_file();
        const std::uint64_t at = below(static_cast<std::uint32_t>(length_of_file(all_, f)));
        if (either()) (void)box_.pread(f, at);
        else (void)box_.pwrite(f, at, byte());
    }
    void write_back() {
        mm::file& f = some_file();
        if (f.kind != mm::file_kind::hugetlb) (void)box_.fsync(f);
        if (below(4) == 0) box_.drop_caches();
    }
    /// Its own pages are not what a file's buffer is; and what is read goes where no hold has left its mark.
    void direct_io() {
        const visit v = anyone();
        const range s = somewhere(16);
        const std::uint64_t at = below(48) * mm::page_size;  // in the file, and in the buffer
        if (s.r == region::file_shared || s.r == region::file_private) return;
        if (either()) (void)v.task->direct_write(*all_.ext4, at, s.a, s.bytes);
        else (void)v.task->direct_read(*all_.ext4, at, base_of(region::buffer) + at, s.bytes);
    }

    // ---- gup -----------------------------------------------------------------------------------------------
    /// What a call answered. Pins of DAX pages are not kept: who cuts the file waits for them.
    void took(long got, pages& out, bool is_pin, bool writes, region r = region::count_) {
        if (got <= 0) {
            ++refused[got];
            return;
        }
        const std::span<mm::frame<P>* const> these(out.data(), static_cast<std::size_t>(got));
        (is_pin ? pinned : referenced) += these.size();
        if (r != region::dax && std::none_of(these.begin(), these.end(), [](const auto* p) { return p->zone() == mm::zone_kind::device; }))
            return held_.keep(these, is_pin, writes);
        if (is_pin) mm::unpin_array<P>(box_.phys(), these, writes);
        else mm::put_array<P>(box_.phys(), these, false);
    }
    unsigned some_write() { return either() ? mm::foll::write : 0U; }
    void pin_fast() {
        const visit v = anyone();
        const range s = somewhere();
        pages out(s.n);
        const unsigned f = some_write();
        took(v.task->pin_user_pages_fast(s.a, static_cast<long>(s.n), f, out), out, true, f != 0, s.r);
    }
    void pin_slow() {
        const visit v = anyone();
        const range s = somewhere();
        pages out(s.n);
        const unsigned f = some_write();
        took(v.task->pin_user_pages(s.a, s.n, f, out), out, true, f != 0, s.r);
    }
    void pin_long() {
        const visit v = anyone();
        const range s = somewhere(16);
        pages out(s.n);
        const unsigned f = some_write();
        if constexpr (requires { v.task->pin_longterm_pages(s.a, s.n, f, out); })
            took(either() ? v.task->pin_longterm_pages(s.a, s.n, f, out) : v.task->pin_longterm_pages_fast(s.a, static_cast<long>(s.n), f, out),
                 out, true, f != 0, s.r);
        else
            took(either() ? v.task->pin_user_pages_unlocked(s.a, s.n, out, f | mm::foll::longterm)
                          : v.task->pin_user_pages_fast(s.a, static_cast<long>(s.n), f | mm::foll::longterm, out),
                 out, true, f != 0, s.r);
    }
    void get() {
        const visit v = anyone();
        const range s = somewhere();
        pages out(s.n);
        const unsigned f = some_write();
        const auto n = static_cast<long>(s.n);
        long got = 0;
        switch (below(4)) {
            case 0: got = v.task->get_user_pages(s.a, s.n, f | mm::foll::get, out); break;
            case 1: got = v.task->get_user_pages_unlocked(s.a, s.n, out, f | mm::foll::get); break;
            case 2: got = v.task->get_user_pages_fast_only(s.a, n, f, out); break;
            default: got = v.task->get_user_pages_fast(s.a, n, f, out); break;
        }
        took(got, out, false, false, s.r);
    }
    void pin_folios() {
        if constexpr (requires(mm::task<P> & t, pages & out, std::uint64_t* at) { t.memfd_pin_folios(*all_.memory, 0, 1, out, at); }) {
            const bool huge = either();
            mm::file& f = huge ? *all_.hugetlb : *all_.memory;
            const std::uint64_t first = mm::align_down(below(static_cast<std::uint32_t>(length_of_file(all_, f))), mm::page_size);
            pages out(1 + below(8));
            std::uint64_t offset = 0;
            took(mine_->memfd_pin_folios(f, first, first + 64_KiB - 1, out, &offset), out, true, false);
        }
    }
    void register_buffer() {
        const visit v = anyone();
        const range s = somewhere(600);
        mm::io_buffer<P> buffer(box_.phys());
        if (s.r != region::dax) (void)buffer.register_buffer(*v.task, s.a, s.bytes);
    }
    void give_back() {
        for (unsigned k = 1 + below(3); k > 0 && !held_.is_empty(); --k) held_.give_one_back(dice_);
    }

    // ---- INV-11 --------------------------------------------------------------------------------------------
    /// A page of this thread's own task that is pinned for writing, where nothing but the machine takes pages away.
    struct kept_pin {
        vaddr a;
        mm::frame<P>* page;
    };
    static vaddr kept_page(std::uint32_t k) { return base_of(region::kept) + k * mm::page_size; }

    void pin_kept() {
        if (kept_.size() >= 24) return let_go_of_kept();
        mm::frame<P>* out[1] = {};
        const vaddr a = kept_page(below(512));
        const long got = mine_->pin_user_pages_fast(a, 1, mm::foll::write, out);
        if (got != 1) {
            ++refused[got];
            return;
        }
        ++pinned;
        kept_.push_back({a, out[0]});
    }
    /// Everything that might come between a process and its pins.
    void disturb_kept() {
        const vaddr a = kept_page(below(496));
        auto& space = mine_->mm();
        switch (below(9)) {
            case 0: (void)mine_->madvise(a, 16 * mm::page_size, mm::advice::pageout); break;
            case 1: (void)mm::split_range(space, a, a + mm::page_size); break;
            case 2: (void)mine_->madvise(base_of(region::kept), 2_MiB, mm::advice::collapse); break;
            case 3: (void)mm::migrate_page(space, a, {.node = 1, .exact = true}); break;
            case 4: (void)mine_->madvise(base_of(region::kept), 2_MiB, either() ? mm::advice::mergeable : mm::advice::cold); break;
            case 5: (void)mine_->mprotect(a, mm::page_size, mm::prot::read), (void)mine_->mprotect(a, mm::page_size, mm::prot::rw); break;
            case 6: (void)mm::mark_for_hints(space, a, 16 * mm::page_size); break;
            case 7: mm::clear_soft_dirty(space); break;
            default: {
                const auto child = box_.fork(*mine_);
                if (!child) break;
                (void)(*child)->store(a, byte());
                box_.exit(**child);
                break;
            }
        }
    }
    /// In 2019 a fork, and reclaim too, may put another page under the process (HAZ-COW): there is nothing to promise.
    void compare_kept() {
        if (kept_.empty() || !P::fork_copies_pinned) return;
        const kept_pin& k = kept_[below(static_cast<std::uint32_t>(kept_.size()))];
        const unsigned char written = byte(), read = byte();
        if (mine_->store(k.a + 8, written) != mm::fault_result::ok) return;
        if (box_.dma_read(k.page, 8) != written) torn_.push_back("thread " + std::to_string(who_) + ": the device does not see what the process wrote");
        box_.dma_write(k.page, 9, read);
        const auto l = mine_->load(k.a + 9);
        if (l.fault == mm::fault_result::ok && l.value != read)
            torn_.push_back("thread " + std::to_string(who_) + ": the process does not see what the device wrote");
    }
    void let_go_of_kept() {
        for (const kept_pin& k : kept_) mine_->unpin_user_page(k.page);
        kept_.clear();
    }

    // ---- what, and how often -------------------------------------------------------------------------------
    struct deed {
        const char* name;
        unsigned weight;
        void (worker::*act)();
    };
    static constexpr deed deeds[] = {
        {"touch", 12, &worker::touch}, {"store", 10, &worker::store}, {"load", 6, &worker::load}, {"fault in", 5, &worker::fault_in},
        {"madvise", 10, &worker::advise}, {"mprotect", 4, &worker::protect}, {"munmap", 2, &worker::unmap}, {"mmap", 4, &worker::remap},
        {"mremap", 2, &worker::move_mapping}, {"mlock", 2, &worker::lock}, {"msync", 2, &worker::sync}, {"inspect", 2, &worker::look},
        {"fork", 2, &worker::fork}, {"exit", 1, &worker::replace_common},
        {"split", 4, &worker::split}, {"collapse", 3, &worker::collapse}, {"migrate", 4, &worker::migrate}, {"compact", 2, &worker::compact},
        {"hint", 2, &worker::hint}, {"merge", 1, &worker::merge},
        {"truncate", 3, &worker::truncate}, {"fallocate", 3, &worker::punch}, {"read, write", 5, &worker::read_write},
        {"write back", 2, &worker::write_back}, {"direct I/O", 3, &worker::direct_io},
        {"pin fast", 14, &worker::pin_fast}, {"pin slow", 6, &worker::pin_slow}, {"pin long-term", 4, &worker::pin_long},
        {"get", 6, &worker::get}, {"pin folios", 2, &worker::pin_folios}, {"register", 2, &worker::register_buffer},
        {"give back", 18, &worker::give_back},
        {"keep pinned", 6, &worker::pin_kept}, {"disturb kept", 4, &worker::disturb_kept}, {"compare kept", 10, &worker::compare_kept},
    };
    std::size_t chosen() {
        std::uint32_t all = 0;
        for (const deed& d : deeds) all += d.weight;
        std::uint32_t at = below(all);
        std::size_t i = 0;
        for (; at >= deeds[i].weight; ++i) at -= deeds[i].weight;
        return i;
    }

    field<P>& all_;
    mm::machine<P>& box_;
    std::mt19937 dice_;
    const unsigned who_;
    mm::task<P>* mine_;
    history<P> held_;
    std::vector<kept_pin> kept_;
    std::vector<std::string> torn_;
};

}  // namespace stress
