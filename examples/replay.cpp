// SPDX-License-Identifier: BSL-1.0
// What happens under one schedule, step by step? --step waits for Enter; an argument is the schedule to follow.
#include <pinfold/check.hpp>

#include <cstdio>
#include <cstring>
#include <string>

namespace check = pinfold::check;

// 1. A device writes and says so; somebody waits for the word and reads. The word is passed on without order.
struct mailbox {
    check::word<std::int32_t> ready;
    check::plain<int> letter{0};
};

void scenario(check::program& p) {
    auto& box = p.make<mailbox>("box");
    p.name(box.ready, "ready"), p.name(box.letter, "letter");
    p.thread([&box] {
        box.letter.set(42);
        box.ready.store(1);  // publish(1) would be right
    });
    p.thread([&box] {
        check::await([&box] { return box.ready.load_acquire() == 1; });
        check::that(box.letter.get() == 42, "the letter is there");
    });
}

int main(int argc, char** argv) {
    bool step = false;
    std::string schedule;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--step") == 0)
            step = true;
        else
            schedule = argv[i];
    }
    // 2. Without a schedule: the one the explorer finds.
    const auto found = check::explore("mailbox", scenario);
    if (schedule.empty()) schedule = found.schedule;
    std::printf("found: %s; following the schedule %s\n", check::message(found.found), schedule.c_str());

    // 3. Every step is told as it happens: a good place for a breakpoint.
    const auto r = check::replay("mailbox", schedule, scenario, [step](const std::string& line) {
        std::puts(line.c_str());
        if (step) (void)std::getchar();
    });
    std::printf("%s\n", r ? "nothing went wrong" : r.what.c_str());

    // 4. A schedule is a complete description: the same one ends in the same way.
    const auto again = check::replay("mailbox", schedule, scenario);
    return again.found == r.found && again.trace == r.trace && r.found != check::fault::bad_schedule ? 0 : 1;
}
