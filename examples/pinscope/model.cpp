// SPDX-License-Identifier: BSL-1.0
// The only file that includes the reference MM.
#include "model.hpp"

#include <algorithm>
#include <map>
#include <pinfold/mm.hpp>
#include <span>
#include <tuple>

#include "layout.hpp"
#include "problem.hpp"

namespace pinscope {

namespace {

namespace mm = pinfold::mm;

/// What tells one file from another.
using file_identity = std::tuple<std::uint32_t, std::uint32_t, u64, std::string>;
file_identity identity(const region& r) { return {r.device_major, r.device_minor, r.inode, r.name}; }

/// The order of the pages of a hugetlb region.
unsigned huge_order(const region& r) {
    return r.kernel_page > page_size ? log_size(r.kernel_page / page_size) : mm::pmd_order;
}
u64 huge_unit(const region& r) { return page_size << huge_order(r); }

bool is_huge(const region& r) { return r.backing() == backing::hugetlb; }
bool has_file(const region& r) { return r.backing() == backing::file || r.backing() == backing::shared_memory; }

mm::file_kind kind_of(const region& r) {
    if (r.name.starts_with("/secretmem")) return mm::file_kind::secret;
    return r.backing() == backing::shared_memory ? mm::file_kind::memfd : mm::file_kind::ext4;
}

unsigned protection_of(const region& r) {
    return (r.read ? mm::prot::read : 0) | (r.write ? mm::prot::write : 0) | (r.execute ? mm::prot::exec : 0);
}

template <class Profile>
class machine_model final : public model {
public:
    machine_model(const process& p, u64 pages)
        : box_(room_for(p, pages)),
          task_(box_.spawn()),
          huge_always_(p.huge_always) {
        for (const auto& r : p.regions)
            if (has_file(r)) {
                auto& size = sizes_[identity(r)];
                size = std::max(size, r.offset + r.size());
            }
    }

    void build(const region& r) override {
        if (r.backing() == backing::gate) return;  // above the user's addresses, where nothing can be mapped
        const bool present = r.present_pages() != 0;
        map(r, present ? mm::prot::rw : protection_of(r));
        for (const auto& run : r.runs)
            fault_in(r, run);
        // Faults on files may have mapped cached neighbours that the process does not have.
        if (present && has_file(r))
            for (const auto& run : r.runs)
                if (!is_present(run.what)) discard(r, run.first, run.pages);
        if (present && protection_of(r) != mm::prot::rw)
            must(task_.mprotect(r.begin, r.size(), protection_of(r)) == 0, r, "protected");
        if (wants_huge(r)) must(task_.madvise(r.begin, r.size(), mm::advice::hugepage) == 0, r, "advised");
    }

    void tear_down(const region& r) override {
        if (r.backing() != backing::gate) must(task_.munmap(r.begin, r.size()) == 0, r, "unmapped");
    }

    pin_result pin(question q, u64 first, u64 pages) override {
        slots_.resize(std::max<std::size_t>(slots_.size(), pages));
        trace_.clear();
        const auto free_before = settled_free_pages();
        const auto start = first * page_size;
        const auto got = call(q, start, pages, std::span(slots_).first(pages));

        pin_result result;
        held_ = result.pinned = static_cast<u64>(std::max<long>(got, 0));
        // Copy-on-write and unsharing take a fresh page; faults that do not, leave the same page mapped.
        result.changed = settled_free_pages() != free_before;
        std::array<u64, paths> by_path{};
        for (const auto& e : trace_.events) {
            by_path[static_cast<std::size_t>(e.path)] += e.pages;
            result.units += static_cast<u64>(e.units);
        }
        for (std::size_t i = 0; i < paths; ++i)
            if (by_path[i] != 0) result.paths.push_back({mm::name_of(static_cast<mm::path_id>(i)), by_path[i]});
        if (result.pinned == 0) explain(result, static_cast<int>(-got), start);
        return result;
    }

    void unpin() override {
        task_.unpin_user_pages(std::span(slots_).first(held_));
        held_ = 0;
    }

    void discard(const region& r, u64 first, u64 pages) override {
        const bool stays = r.backing() == backing::gate || r.backing() == backing::device || r.name.starts_with("/secretmem");
        if (!stays)
            must(task_.madvise(first * page_size, pages * page_size, mm::advice::dontneed) == 0, r, "discarded");
    }

    u64 count_words(const region& r) override {
        u64 sum = 0;
        for (const auto& run : r.runs)
            if (is_present(run.what))
                for (u64 i = 0; i < run.pages; ++i)
                    sum += units((run.first + i) * page_size);
        return sum;
    }

    void read_counters(balance& b) override {
        const auto counters = box_.counters();
        b.acquired = static_cast<u64>(counters.acquired);
        b.released = static_cast<u64>(counters.released);
    }

private:
    using page = typename mm::machine<Profile>::page;
    static constexpr std::size_t paths = static_cast<std::size_t>(mm::path_id::entry_point) + 1;

    /// The count word behind `a`, without the reference of a filesystem's buffers: a file keeps those once any page
    /// table has written to it, whoever pins.
    [[nodiscard]] u64 units(u64 a) {
        const auto seen = box_.inspect(task_, a).page;
        if (seen.page == nullptr) return 0;
        const bool buffers = box_.phys().head(seen.page)->is(mm::pg::buffers);
        return static_cast<u64>(seen.refs) - (buffers ? 1 : 0);
    }

    /// Free pages once the LRU batches have let go of pages that nobody else has.
    [[nodiscard]] u64 settled_free_pages() {
        box_.phys().lru_drain_all();
        return box_.free_pages();
    }

    static mm::options room_for(const process& p, u64 pages) {
        mm::options o;
        // Half as much again: huge pages leave holes, page tables need room. Untouched memory costs nothing.
        auto bytes = (pages + pages / 2) * page_size;
        std::map<unsigned, u64> pools;
        for (const auto& r : p.regions)
            if (is_huge(r)) pools[huge_order(r)] += r.size() / huge_unit(r) + 1;
        for (const auto& [order, count] : pools) {
            o.huge_pools.push_back({order, count});
            bytes += (count + 2) * (page_size << order);
        }
        constexpr u64 block = u64{4} << 20;
        o.ram = (bytes / block + 1) * block;
        return o;
    }

    static void must(bool good, const region& r, const char* what) {
        if (!good)
            throw problem("the region at " + hex(r.begin) + " (" + r.title() + ") could not be " + what +
                          " in the model; is it of an address space wider than 47 bits?");
    }

    [[nodiscard]] bool wants_huge(const region& r) const {
        const auto kind = r.backing();
        return kind == backing::anonymous && !r.has_flag("nh") && (r.has_flag("hg") || huge_always_);
    }

    void map(const region& r, unsigned protection) {
        mm::mapping m;
        m.prot = protection;
        m.at = r.begin;
        m.shared = r.shared;
        m.noreserve = true;
        if (r.backing() == backing::device) {
            m.kind = mm::map_kind::mixedmap;
            m.io = true;
        } else if (has_file(r)) {
            auto& file = files_[identity(r)];
            const auto size = sizes_[identity(r)];
            if (file == nullptr)
                file = is_huge(r) ? &box_.create_huge_file(size, huge_order(r)) : &box_.create_file(kind_of(r), size);
            m.kind = mm::map_kind::file;
            m.source = file;
            m.offset = r.offset;
        } else if (is_huge(r)) {
            m.huge_order = huge_order(r);  // private: what its pages came from no longer matters
        }
        must(static_cast<bool>(task_.mmap(r.size(), m)), r, "mapped");
    }

    void fault_in(const region& r, const run& part) {
        if (!is_present(part.what)) return;
        const auto start = part.first * page_size;
        const auto size = part.pages * page_size;
        if (part.what == presence::hugetlb) {
            for (u64 at = start; at < start + size; at += huge_unit(r))
                must(task_.fault_in(at, 1, true) == 1, r, "faulted in");
            return;
        }
        if (part.what == presence::anon_huge) {
            must(task_.madvise(start, size, mm::advice::hugepage) == 0, r, "advised");
            for (u64 at = start; at < start + size; at += huge_size)
                must(task_.fault_in(at, 1, true) == 1, r, "faulted in");
            must(task_.madvise(start, size, mm::advice::nohugepage) == 0, r, "advised");
            return;
        }
        // A page of a writable shared mapping counts as written, like one of the process' own.
        const bool write = part.what == presence::anon || (part.what == presence::file && r.shared && r.write);
        must(task_.fault_in(start, part.pages, write) == part.pages, r, "faulted in");
    }

    long call(question q, u64 start, u64 pages, std::span<page*> slots) {
        const unsigned write = q.write ? mm::foll::write : 0;
        if constexpr (Profile::longterm_needs_pin) {
            const unsigned flags = write | (q.long_term ? mm::foll::longterm : 0);
            return q.fast ? task_.pin_user_pages_fast(start, static_cast<std::int64_t>(pages), flags, slots, &trace_)
                          : task_.pin_user_pages(start, pages, flags, slots, &trace_);
        } else {
            const auto n = static_cast<std::int64_t>(pages);
            if (q.long_term)
                return q.fast ? task_.pin_longterm_pages_fast(start, n, write, slots, &trace_)
                              : task_.pin_longterm_pages(start, pages, write, slots, &trace_);
            return q.fast ? task_.pin_user_pages_fast(start, n, write, slots, &trace_)
                          : task_.pin_user_pages(start, pages, write, slots, &trace_);
        }
    }

    void explain(pin_result& result, int error, u64 start) const {
        result.error = error;
        if (const auto* why = trace_.refusal()) {
            result.rule = why->rule;
            result.everywhere = why->path == mm::path_id::vma_check || why->path == mm::path_id::entry_point;
        } else if (start >= mm::geometry<Profile::p4d_folded>::user_end) {
            result.rule = "the address is outside the user's address range";
            result.everywhere = true;
        } else {
            result.rule = "refused without a reason";
        }
    }

    mm::machine<Profile> box_;
    mm::task<Profile>& task_;
    bool huge_always_;
    std::map<file_identity, u64> sizes_;
    std::map<file_identity, mm::file*> files_;
    std::vector<page*> slots_;
    u64 held_ = 0;
    mm::gup_trace trace_;
};

}  // namespace

std::unique_ptr<model> make_model(std::string_view profile, const process& p, u64 pages) {
    if (profile == mm::linux_6_12::name) return std::make_unique<machine_model<mm::linux_6_12>>(p, pages);
    if (profile == mm::foll_pin_2019::name) return std::make_unique<machine_model<mm::foll_pin_2019>>(p, pages);
    throw problem("no profile '" + printable(profile) + "'");
}

const std::vector<std::string>& profile_names() {
    static const std::vector<std::string> names{mm::linux_6_12::name, mm::foll_pin_2019::name};
    return names;
}

}  // namespace pinscope
