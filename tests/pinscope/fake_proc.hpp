// SPDX-License-Identifier: BSL-1.0
// A directory that looks like /proc with one process in it, made of plain files.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "import.hpp"

class fake_proc {
public:
    static constexpr pinscope::u64 pid = 4711;

    fake_proc() {
        auto name = (std::filesystem::temp_directory_path() / "pinscope-XXXXXX").string();
        root_ = ::mkdtemp(name.data());
        std::filesystem::create_directory(directory());
        write("stat", "4711 (some one) S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 500 0 0\n");
        write("limits", "Max locked memory         65536                65536                bytes     \n");
        write("mountinfo", "22 1 254:0 / / rw - ext4 /dev/root rw\n");
    }
    ~fake_proc() { std::filesystem::remove_all(root_); }
    fake_proc(const fake_proc&) = delete;
    fake_proc& operator=(const fake_proc&) = delete;

    [[nodiscard]] std::filesystem::path directory() const { return root_ / std::to_string(pid); }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(directory() / name, std::ios::binary) << text;
    }
    /// Writes words from page number `first` on; what is before them becomes a hole in the file.
    void write_words(const std::filesystem::path& file, pinscope::u64 first,
                     const std::vector<pinscope::u64>& words) const {
        std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
        if (!out) out.open(file, std::ios::out | std::ios::binary);
        out.seekp(static_cast<std::streamoff>(first * 8));
        out.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(words.size() * 8));
    }
    void write_pagemap(pinscope::u64 first, const std::vector<pinscope::u64>& words) const {
        write_words(directory() / "pagemap", first, words);
    }
    void write_frames(const char* file, pinscope::u64 first, const std::vector<pinscope::u64>& words) const {
        write_words(root_ / file, first, words);
    }

    [[nodiscard]] pinscope::import_source source() const { return {root_.string(), (root_ / "thp").string()}; }
    [[nodiscard]] pinscope::process import(const pinscope::progress_function& progress = [](pinscope::u64,
                                                                                            pinscope::u64) {}) const {
        return pinscope::import_process(pid, source(), progress);
    }

private:
    std::filesystem::path root_;
};
