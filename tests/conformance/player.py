#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The scenario player as a program: what it does with wrong input, with unusual ends, and in both profiles.

usage: player.py PLAYER
"""
import json, os, subprocess, sys, tempfile, unittest

here = os.path.dirname(os.path.abspath(__file__))
player = sys.argv.pop(1)


def play(text, *options, name="family/name"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name + ".scn")
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as f:
            f.write(text)
        run = subprocess.run([player, *options, path], capture_output=True, text=True, timeout=120)
        run.stderr = run.stderr.replace(folder + "/", "")
        return run


def steps(run):
    return [json.loads(line) for line in run.stdout.splitlines() if not line.startswith("#")]


class WrongInput(unittest.TestCase):
    def said(self, line, message):
        run = play("mmap A 1P\n\n# a comment\n" + line + "\n")
        self.assertEqual(run.returncode, 2)
        self.assertEqual(run.stderr, f"family/name.scn:4: {message}\n")
        answers = steps(run)
        self.assertEqual([a["op"] for a in answers][0::2], ["mmap", "end"])
        self.assertEqual((answers[1]["ret"], answers[1]["errno"]), (-1, "ESCENARIO"))

    def test_a_malformed_line_is_named_and_answers_ESCENARIO(self):
        self.said("mmpa A 1P", "unknown operation 'mmpa'")
        self.said("mmap A", "mmap: argument 'LENGTH' is missing")
        self.said("mmap A 1P colour=red", "mmap: unknown option 'colour=red'")
        self.said("mmap A 1Q", "'1Q' is no number")
        self.said("mmap A 99999999999999999999", "'99999999999999999999' is no number")
        self.said("mmap A 1P prot=q", "'q' is no protection")
        self.said("mmap A 1P src=F", "no file is called 'F'")
        self.said("store B 1", "no region is called 'B'")
        self.said("C: store A 1", "no actor is called 'C'")
        self.said("C:", "an actor, but no operation")
        self.said("touch A 1P w step=0", "step=0 never ends")
        self.said("pin P A 1 api=quick", "no gup call is named 'quick'")
        self.said("pin P A 1 flags=wirte", "'wirte' is no number")
        self.said("wait main", "nothing was started in 'main'")
        self.said("poll main", "nothing was started in 'main'")

    def test_a_command_line_that_is_wrong_is_2_and_help_is_0(self):
        for wrong in ([], ["/no/such/file.scn"], ["--profile", "linux_2_4", here]):
            self.assertEqual(subprocess.run([player, *wrong], capture_output=True).returncode, 2)
        self.assertEqual(subprocess.run([player, "--help"], capture_output=True).returncode, 0)


class Answers(unittest.TestCase):
    def test_what_is_left_over_is_told_and_given_back(self):
        end = steps(play("mmap A 4P\npin P A 3 flags=write\nget G A 1\n"))[-1]
        self.assertEqual(end["observed"], {"held": 3, "leak": 0, "zero_ref": 0})

    def test_a_missing_feature_ends_the_scenario(self):
        run = play("require teleportation\nmmap A 1P\n")
        self.assertEqual([(s["op"], s["errno"]) for s in steps(run)], [("require", "ENOTSUP"), ("end", None)])

    def test_advice_that_moves_no_page_and_DONTNEED_of_locked_memory(self):
        run = play("mmap A 2P locked\nmadvise A 2P NORMAL\nmadvise A 2P DONTDUMP\nmadvise A 2P DODUMP\nmincore A 2P\n"
                   "madvise A+1P 2P NORMAL\nmadvise A 2P DONTNEED\nmadvise A 1P DONTNEED_LOCKED\nmincore A 2P\n")
        self.assertEqual([(s["ret"], s["errno"]) for s in steps(run)][1:-1],
                         [(0, None), (0, None), (0, None), (2, None), (-1, "ENOMEM"), (-1, "EINVAL"), (0, None), (1, None)])

    def test_calls_on_the_node_of_a_device(self):
        # what has no such method refuses it; only read and write of /dev/zero do something
        for kind, read, write in (("devzero", (1, None), (1, None)), ("pfn", (-1, "EINVAL"), (-1, "EINVAL"))):
            run = play(f"file F {kind}\npread F 5\npwrite F 5 1\nftruncate F 0\nfallocate F punch 0 1P\nfsync F\nfadvise F random\n")
            self.assertEqual([(s["ret"], s["errno"]) for s in steps(run)][1:-1],
                             [read, write, (-1, "EINVAL"), (-1, "ENODEV"), (-1, "EINVAL"), (0, None)])
        self.assertEqual(steps(play("file F devzero\npread F 5\n"))[1]["observed"], {"val": 0})
        self.assertEqual(play("file F devmem\npread F 5\n").returncode, 2)

    def test_the_dead_execute_nothing(self):
        run = play("exit main\nmmap A 1P\n")
        self.assertEqual([s["errno"] for s in steps(run)], [None, "EDIED", None])

    def test_a_file_of_answers_is_written_below_the_given_folder(self):
        with tempfile.TemporaryDirectory() as out:
            run = play("vmstat\n", "--out", out)
            self.assertEqual(run.stdout, "")
            with open(os.path.join(out, "family", "name.jsonl")) as f:
                self.assertEqual([json.loads(line)["op"] for line in f], ["vmstat", "end"])

    def test_an_operation_nobody_ends_is_given_up(self):
        run = play("""require dax
file F dax size=4P
mmap A 4P src=F shared
fork C
pin P A 1 flags=write
ftruncate F 0
C: fallocate F punch 0 1P
main: vmstat
""")
        answers = steps(run)
        self.assertEqual(answers[0]["errno"], None, "needs DAX")
        self.assertEqual([a["errno"] for a in answers[5:]], ["ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT", None])

    def test_explanations_name_path_counts_and_the_rule_that_refused(self):
        run = play("mmap A 1P\ntouch A 1P w\npin P A 1 flags=write\nmprotect A 1P none\npin Q A 1 api=slow\n", "--explain")
        told = [line for line in run.stdout.splitlines() if line.startswith("#")]
        for wanted in ("path  PTE/F at A (pte): 1 page, 1024 units", "count page 0 (anon): ref 2 -> 1026 mappings 1 (1 mapping, 1 LRU batch, 1 pin)",
                       "why   VMA check at A: EFAULT, the mapping is not readable", "remedy: map or mprotect it readable"):
            self.assertTrue(any(wanted in line for line in told), f"{wanted}\nin\n{run.stdout}")
        self.assertTrue(all("#" not in s["line"] for s in steps(run)))


class Corpus(unittest.TestCase):
    """Every recorded scenario, whatever the answers: played to its end, twice the same, with nothing left over."""

    def played(self, profile):
        run = subprocess.run([player, "--profile", profile, os.path.join(here, "scenarios")], capture_output=True, text=True)
        self.assertIn(run.returncode, (0, 2))
        return run.stdout

    def balanced(self, profile):
        once = self.played(profile)
        self.assertEqual(once, self.played(profile))
        answers = [json.loads(line) for line in once.splitlines()]
        ends = [a for a in answers if a["op"] == "end"]
        self.assertEqual(len(ends), sum(len(files) for _, _, files in os.walk(os.path.join(here, "scenarios"))))
        drifted = {a["scenario"] for a in answers if a["op"] == "addpin" and a["ret"] > 0}
        for end in ends:
            self.assertEqual(end["observed"]["zero_ref"], 0, end)
            if end["scenario"] not in drifted:
                self.assertEqual(end["observed"]["leak"], 0, end)

    def test_linux_6_12(self):
        self.balanced("linux_6_12")

    def test_foll_pin_2019(self):
        self.balanced("foll_pin_2019")


if __name__ == "__main__":
    unittest.main()
