// SPDX-License-Identifier: BSL-1.0
// Runs a fuzz target without libFuzzer: on the files and folders named, or on standard input (AFL++, a debugger).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "bytes.hpp"

namespace {

namespace fs = std::filesystem;

void run(std::istream& in) {
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<fs::path> inputs;
    for (const fs::path path : std::vector<std::string>(argv + 1, argv + argc)) {
        if (!fs::is_directory(path)) inputs.push_back(path);
        else
            for (const auto& entry : fs::directory_iterator(path))
                if (entry.is_regular_file()) inputs.push_back(entry.path());
    }
    std::sort(inputs.begin(), inputs.end());
    for (const fs::path& input : inputs) {
        std::cerr << input.string() << '\n';  // the last one printed is the one that failed
        std::ifstream file(input, std::ios::binary);
        if (!file) return 1;
        run(file);
    }
    if (argc == 1) run(std::cin);
}
