// SPDX-License-Identifier: BSL-1.0
// scenario: what would Linux answer to this program of mappings, pins and forks, and why?
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "options.hpp"
#include "player.hpp"
#include "profiles.hpp"

namespace {

namespace fs = std::filesystem;
using namespace scenario;

/// Prints answers, or writes them to the file they belong to; remarks are for the terminal in both cases.
class writer final : public audience {
public:
    writer(const options& o, const program& p) : reasons_(o.explain), audits_(o.audit ? o.audit_every : 0) {
        if (o.out.empty()) return;
        const fs::path path = (o.out / p.name).concat(".jsonl");
        fs::create_directories(path.parent_path());
        file_.open(path);
        if (!file_) throw std::runtime_error(path.string() + ": cannot be written");
    }

    void line(const std::string& json) override { (file_.is_open() ? file_ : std::cout) << json << '\n'; }
    void remark(const std::string& text) override { std::cout << "#   " << text << '\n'; }
    void wrong(const program& p, const statement& at, const std::string& why) override {
        std::cout.flush();
        std::cerr << p.file << ':' << at.number << ": " << why << '\n';
        ++mistakes;
    }
    void broken(const program& p, std::size_t line, const std::string& what) override {
        std::cout.flush();
        std::cerr << p.file << ':' << line << ": " << what << '\n';
        ++faults;
    }
    [[nodiscard]] bool wants_reasons() const override { return reasons_; }
    [[nodiscard]] bool wants_audit(std::size_t line) const override {
        return audits_ != 0 && (line == 0 || line % audits_ == 0);
    }

    unsigned mistakes = 0;  ///< of the scenario
    unsigned faults = 0;    ///< of the MM

private:
    bool reasons_;
    std::size_t audits_;  ///< each so many lines and at the end; 0: never
    std::ofstream file_;
};

std::vector<fs::path> scenarios_in(const fs::path& path) {
    if (!fs::is_directory(path)) return {path};
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file() && entry.path().extension() == ".scn") found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

program read(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) throw std::runtime_error(path.string() + ": cannot be read");
    const fs::path whole = fs::absolute(path);
    return parse(path.string(), (whole.parent_path().filename() / whole.stem()).string(), text.str());
}

[[nodiscard]] writer play_file(const options& o, const fs::path& path) {
    const program p = read(path);
    writer w(o, p);
    if (o.profile == foll_pin_2019::name) play<foll_pin_2019>(p, w);
    else play<linux_6_12>(p, w);
    return w;
}

}  // namespace

int main(int argc, char** argv) {
    options o;
    if (const parsed p = parse_options(argc, argv, o); !p.go) return p.status;
    try {
        unsigned mistakes = 0, faults = 0;
        for (const fs::path& input : o.inputs)
            for (const fs::path& path : scenarios_in(input)) {
                const writer w = play_file(o, path);
                mistakes += w.mistakes;
                faults += w.faults;
            }
        return faults != 0 ? 4 : mistakes != 0 ? 2 : 0;
    } catch (const std::exception& e) {
        std::cout.flush();
        std::cerr << "scenario: " << e.what() << '\n';
        return 1;
    }
}
