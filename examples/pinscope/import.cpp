// SPDX-License-Identifier: BSL-1.0
#include "import.hpp"

#include <cerrno>
#include <cstring>

#include "files.hpp"
#include "page_reader.hpp"
#include "problem.hpp"
#include "proc_limits.hpp"
#include "proc_maps.hpp"
#include "proc_mounts.hpp"
#include "proc_smaps.hpp"
#include "proc_stat.hpp"

namespace pinscope {

namespace {

class importer {
public:
    importer(u64 pid, const import_source& from)
        : from_(from),
          number_(std::to_string(pid)),
          directory_(from.proc + "/" + number_) {
        result_.pid = pid;
    }

    process run(const progress_function& progress) {
        const auto before = status("no process " + number_ + "; 'ps -e' lists those that exist");
        result_.command = before.command;
        if (before.kernel_thread)
            throw problem("process " + number_ + " (" + printable(before.command) +
                          ") is a kernel thread: it has no address space of its own to look at");
        if (before.ended())
            throw problem("process " + number_ + " (" + printable(before.command) +
                          ") has ended and waits for its parent (a zombie): its memory is gone");
        read_regions();
        if (result_.regions.empty()) {
            check_alive(before);
            throw problem("process " + number_ + " (" + printable(before.command) + ") has no user address space");
        }
        read_filesystems();
        result_.memlock_soft = parse_memlock(must_read("limits"), path("limits"));
        input setting(from_.huge_setting);
        result_.huge_always = setting && setting.read_all().find("[always]") != std::string::npos;

        page_reader pages(from_.proc, result_.pid);
        u64 done = 0;
        for (auto& r : result_.regions) {
            progress(done++, result_.regions.size());
            // The gate page lies outside the user's addresses: pagemap ends before it.
            if (!pages.read(r)) throw ended();
        }
        progress(done, result_.regions.size());
        check_alive(before);
        note_approximations();
        for (auto& note : pages.notes())
            result_.notes.push_back(std::move(note));
        return std::move(result_);
    }

private:
    [[nodiscard]] std::string path(const char* name) const { return directory_ + "/" + name; }

    [[nodiscard]] problem ended() const {
        return problem("process " + number_ + " ended while it was being read; nothing is shown");
    }

    [[nodiscard]] problem refused(const char* name, int error) const {
        if (error == EACCES || error == EPERM)
            return problem("no permission to read " + path(name) +
                           "; run as the user of that process or as root (CAP_SYS_PTRACE)");
        if (error == ESRCH) return ended();
        return problem("cannot read " + path(name) + ": " + std::strerror(error) +
                       "; is /proc mounted, and not with hidepid?");
    }

    [[nodiscard]] process_status status(const std::string& when_missing) const {
        input file(path("stat"));
        const auto text = file ? file.read_all() : std::string{};
        if (file.error() == ENOENT || file.error() == ESRCH) throw problem(when_missing);
        if (file.error() != 0) throw refused("stat", file.error());
        return parse_stat(text, path("stat"));
    }

    void check_alive(const process_status& before) const {
        const auto now = status(ended().what());
        if (now.ended() || now.start_time != before.start_time) throw ended();
    }

    [[nodiscard]] std::string must_read(const char* name) const {
        input file(path(name));
        auto text = file ? file.read_all() : std::string{};
        if (file.error() == ENOENT) throw ended();
        if (file.error() != 0) throw refused(name, file.error());
        return text;
    }

    void read_regions() {
        input file(path("smaps"));
        if (file.error() != ENOENT) {
            const auto text = file ? file.read_all() : std::string{};
            if (file.error() != 0) throw refused("smaps", file.error());
            result_.regions = parse_smaps(text, path("smaps"));
            return;
        }
        result_.regions = parse_maps(must_read("maps"), path("maps"));
        result_.notes.emplace_back("this kernel has no smaps: huge pages and the flags of regions are unknown.");
        // Without Rss nothing tells which regions are empty: all are looked at.
        for (auto& r : result_.regions)
            r.rss = r.size();
    }

    /// What the model has no counterpart for.
    void note_approximations() {
        u64 shared = 0, swapped = 0, huge_files = 0;
        for (const auto& r : result_.regions) {
            shared += r.shared_anon_pages;
            swapped += r.pages_in(presence::swapped);
            huge_files += r.file_huge / page_size;
        }
        const auto note = [&](u64 pages, const char* which, const char* how) {
            if (pages != 0) result_.notes.push_back(counted(pages, "page") + " " + which + " " + how + ".");
        };
        note(shared, "of its own mapped by other processes as well", "are taken as if they were its alone");
        note(swapped, "in swap", "are taken as absent");
        note(huge_files, "of files in huge pages", "are taken as small ones");
    }

    void read_filesystems() {
        input file(path("mountinfo"));
        if (!file) return;
        const auto types = parse_mountinfo(file.read_all(), path("mountinfo"));
        for (auto& r : result_.regions)
            if (const auto type = types.find({r.device_major, r.device_minor}); r.inode != 0 && type != types.end())
                r.filesystem = type->second;
    }

    const import_source& from_;
    std::string number_;
    std::string directory_;
    process result_;
};

}  // namespace

process import_process(u64 pid, const import_source& from, const progress_function& progress) {
    return importer(pid, from).run(progress);
}

}  // namespace pinscope
