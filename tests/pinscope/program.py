# SPDX-License-Identifier: BSL-1.0
"""Runs the program as a person would, on itself and on processes made here.

Called as: program.py PINSCOPE
"""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PINSCOPE = sys.argv.pop(1)
PLAIN = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}


def run(*arguments, **environment):
    return subprocess.run([PINSCOPE, *map(str, arguments)], capture_output=True, text=True,
                          env={**PLAIN, **environment}, check=False)


def number(text):
    return int(text.replace(",", ""))


def largest_size(*arguments, **environment):
    """The most RAM that a run ever had, in KiB, and what it said. A sanitizer may not keep what was freed for it.

    A process of its own measures: what a caller had before it became PINSCOPE counts as well.
    """
    measure = ("import resource, subprocess, sys\n"
               "subprocess.run(sys.argv[1:], check=True)\n"
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    said = subprocess.run([sys.executable, "-c", measure, PINSCOPE, *map(str, arguments)], check=True, text=True,
                          stdout=subprocess.PIPE,
                          env={**PLAIN, "ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0",
                               **environment}).stdout.splitlines()
    return int(said[-1]), said[:-1]


class Child:
    """A process with an address space of our making: `body` is Python that prints one line when it is ready."""

    def __init__(self, body):
        self.body = body

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.body + "\nprint(flush=True)\ninput()"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


LIBC = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
def anonymous(size, protection=3):
    at = libc.mmap(None, size, protection, 0x4022, -1, 0)  # private, anonymous, without reserve
    assert at != ctypes.c_void_p(-1).value, ctypes.get_errno()
    return at
def alone(size):  # holes around it keep it from growing together with others
    at = anonymous(size + 8192)
    libc.munmap(at, 4096)
    libc.munmap(at + 4096 + size, 4096)
"""


class Itself(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = run()
        cls.data = run("--json")

    def test_without_arguments_it_shows_a_demonstration_and_keeps_the_balance(self):
        self.assertEqual(self.text.returncode, 0, self.text.stderr)
        self.assertEqual(self.text.stderr, "")
        self.assertIn("demo: anonymous, all written", self.text.stdout)
        self.assertIn("balance: kept", self.text.stdout)
        taken, given = map(number, re.search(r"([\d,]+) pins taken, ([\d,]+) given back", self.text.stdout).groups())
        self.assertEqual(taken, given)
        self.assertGreater(taken, 1000)

    def test_what_is_not_a_terminal_gets_plain_text_within_the_width(self):
        for columns in (60, 100):
            text = run(COLUMNS=str(columns)).stdout
            self.assertNotIn("\x1b", text)
            self.assertTrue(text.isascii())
            self.assertLessEqual(max(map(len, text.splitlines())), columns)

    def test_json_is_whole_and_adds_up(self):
        self.assertEqual(self.data.returncode, 0, self.data.stderr)
        data = json.loads(self.data.stdout)
        self.assertTrue(data["balance"]["kept"])
        self.assertEqual(data["balance"]["pins_taken"], data["balance"]["pins_given_back"])
        for q, total in enumerate(data["totals"]):
            answers = [r["answers"][q] for r in data["regions"]]
            self.assertEqual(total["pages_pinned"], sum(a["present_pinned"] + a["absent_pinned"] for a in answers))
            self.assertEqual(total["references_added"], sum(a["references_added"] for a in answers))
            for a in answers:
                asked = a["present_asked"] + a["absent_asked"]
                pinned = a["present_pinned"] + a["absent_pinned"]
                self.assertEqual(asked, pinned + sum(r["pages"] for r in a["refusals"]))
                for refusal in a["refusals"]:
                    self.assertTrue(refusal["rule"])
                    self.assertGreater(refusal["errno"], 0)
                if pinned:
                    self.assertGreaterEqual(sum(a["paths"].values()), pinned)
        for region in data["regions"]:
            self.assertEqual(region["pages"], sum(run["pages"] for run in region["runs"]))

    def test_the_table_and_json_say_the_same_of_the_same_process(self):
        with Child(LIBC + "anonymous(1 << 20)") as child:
            data = json.loads(run("--json", child.pid).stdout)
            text = run(child.pid, "--limit", 0, COLUMNS="120").stdout
        rows = re.findall(r"^ +\d+  ([0-9a-f]+)-[0-9a-f]+ .* ([\d,]+)/([\d,]+)  ", text, re.MULTILINE)
        self.assertEqual([(r[0], number(r[1]), number(r[2])) for r in rows],
                         [(r["begin"], r["present_pages"], r["pages"]) for r in data["regions"]])
        totals = dict((name, (number(asked), number(pinned), number(references))) for name, asked, pinned, references
                      in re.findall(r"^((?:long-term )?(?:read|write), (?:fast|slow)) +([\d,]+) +([\d,]+) +[\d,]+ +([\d,]+)$",
                                    text, re.MULTILINE))
        self.assertEqual(totals, {t["question"]: (t["pages_asked"], t["pages_pinned"], t["references_added"])
                                  for t in data["totals"]})

    def test_linux_6_12_answers_for_the_demonstration(self):
        regions = {r["label"]: r for r in json.loads(self.data.stdout)["regions"] if r["label"]}

        def pinned(label):
            return ["granted" == a["verdict"] for a in regions["demo: " + label]["answers"]]

        self.assertEqual(pinned("anonymous, all written"), [True] * 8)
        self.assertEqual(pinned("anonymous, every 2nd page written"), [True] * 8)
        self.assertEqual(pinned("anonymous, only read (zero page)"), [True] * 8)
        self.assertEqual(pinned("anonymous, never touched"), [True] * 8)
        self.assertEqual(pinned("shared memory"), [True] * 8)
        self.assertEqual(pinned("written, then read-only"), [True, True, False, False] * 2)
        self.assertEqual(pinned("written, then PROT_NONE"), [False] * 8)
        self.assertEqual(pinned("reservation of 1 TiB, PROT_NONE"), [False] * 8)
        if "demo: file, shared, writable" in regions and \
                regions["demo: file, shared, writable"]["backing"] == "file":
            # Dirty tracking would miss what a device writes later.
            self.assertEqual(pinned("file, shared, writable"), [True] * 6 + [False] * 2)
            self.assertEqual(pinned("file, private, partly written"), [True] * 8)

    def test_the_2019_profile_grants_long_term_writes_to_files(self):
        data = json.loads(run("--json", "--profile", "foll_pin_2019").stdout)
        self.assertTrue(data["balance"]["kept"])
        for region in data["regions"]:
            if region["label"] == "demo: file, shared, writable":
                self.assertEqual({a["verdict"] for a in region["answers"]}, {"granted"})

    def test_absent_pages_are_all_asked_on_demand(self):
        # Not of this program: with a sanitizer in it, it has terabytes to fault in.
        sizes = (77 * 4096, 5000 * 4096)
        with Child(LIBC + f"for size in {sizes}: alone(size)") as child:
            few, many = run("--json", child.pid), run("--json", "--fault-all", child.pid)
        self.assertEqual((few.returncode, many.returncode), (0, 0), few.stderr + many.stderr)
        for size in sizes:
            for result, expected in ((few, 1), (many, size // 4096)):
                answers, = [r["answers"] for r in json.loads(result.stdout)["regions"] if r["size"] == size]
                self.assertEqual([a["absent_asked"] for a in answers], [expected] * 8)
                self.assertEqual([a["absent_pinned"] for a in answers], [expected] * 8)

    def test_the_picture_file_is_well_formed_and_replaced_whole(self):
        with tempfile.TemporaryDirectory() as directory:
            svg = pathlib.Path(directory, "space.svg")
            svg.write_text("old")
            self.assertEqual(run("--svg", svg).returncode, 0)
            root = xml.etree.ElementTree.parse(svg).getroot()
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            self.assertGreater(len(root.findall(".//{http://www.w3.org/2000/svg}title")), 10)
            self.assertEqual(os.listdir(directory), ["space.svg"])

    def test_one_region_in_full(self):
        text = run("--region", "never touched")
        self.assertEqual(text.returncode, 0)
        self.assertIn("128 absent", text.stdout)
        self.assertIn("long-term write, slow", text.stdout)
        with Child(LIBC + "anonymous(1 << 20)") as child:
            begin = next(r["begin"] for r in json.loads(run("--json", child.pid).stdout)["regions"]
                         if r["name"] == "[stack]")
            self.assertIn("[stack]", run(child.pid, "--region", begin).stdout)
            self.assertIn("[stack]", run(child.pid, "--region", "0x" + begin).stdout)

    def test_help_names_every_option(self):
        text = run("--help")
        self.assertEqual(text.returncode, 0)
        for option in ("PID", "--profile", "--region", "--limit", "--svg", "--json", "--fault-all"):
            self.assertIn(option, text.stdout)


class Refusals(unittest.TestCase):
    def assert_refused(self, result, *parts):
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("pinscope: "))
        for part in parts:
            self.assertIn(part, result.stderr)

    def test_a_dead_process(self):
        child = subprocess.Popen(["true"])
        child.wait()
        self.assert_refused(run(child.pid), f"no process {child.pid}")

    def test_a_zombie(self):
        child = subprocess.Popen(["true"], stdout=subprocess.PIPE)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self.assert_refused(run(child.pid), "zombie")
        child.communicate()

    def test_a_process_that_never_was(self):
        self.assert_refused(run(0x7fffffff), "no process")

    def test_garbage_arguments(self):
        for arguments in (["x"], ["0"], ["-1"], ["12x"], ["99999999999999999999"], ["1", "2"], ["--what"], ["--limit"],
                          ["--limit", "many"], ["--limit", "-3"], ["--profile", "linux_9"], ["--svg"],
                          ["--json", "--region", "x"], ["\x1b[2J"]):
            result = run(*arguments)
            self.assert_refused(result)
            self.assertNotIn("\x1b", result.stderr)

    def test_a_region_that_does_not_exist(self):
        self.assert_refused(run("--region", "no such thing"), "no such thing")

    def test_more_to_fault_in_than_there_can_be_room_for(self):
        with Child(LIBC + "anonymous(1 << 40)") as child:
            self.assert_refused(run("--fault-all", child.pid), "--fault-all", "1 TiB")
            self.assertEqual(run(child.pid).returncode, 0)

    def test_a_picture_that_cannot_be_written(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assert_refused(run("--svg", directory), directory)
            self.assert_refused(run("--svg", directory + "/none/x.svg"), directory + "/none/x.svg")
            self.assertEqual(os.listdir(directory), [])

    def test_standard_output_that_is_full(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([PINSCOPE], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("standard output", result.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs somebody else's process: run as root to have one")
    def test_a_process_of_somebody_else(self):
        with Child("") as child, tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o777)  # built to count the lines it runs, it writes figures, and complains if it may not
            result = subprocess.run([PINSCOPE, str(child.pid)], capture_output=True, text=True, check=False,
                                    user=65534, group=65534, extra_groups=[],
                                    env={**os.environ, "GCOV_PREFIX": directory})
        self.assert_refused(result, "no permission", str(child.pid))


class Large(unittest.TestCase):
    def test_two_thousand_regions_and_a_hundred_gibibytes_take_memory_for_what_is_present_only(self):
        body = LIBC + """
block = anonymous(2000 * 2 * 4096)
for i in range(2000):  # every second page another protection: as many regions
    libc.mprotect(block + i * 2 * 4096, 4096, 1)
ctypes.memset(block + 4096, 1, 1)
large = anonymous(100 << 30)
for i in range(64):
    ctypes.memset(large + (i << 30), 1, 1)
"""
        with Child(body) as child:
            result = run("--json", child.pid)
            most, picture = largest_size(child.pid, COLUMNS="100")
        self.assertIn("balance: kept", "\n".join(picture))
        self.assertLess(len(picture), 250)
        self.assertEqual(result.returncode, 0, result.stderr)
        data = json.loads(result.stdout)
        self.assertGreater(len(data["regions"]), 2000)
        self.assertGreater(data["size"], 100 << 30)
        self.assertTrue(data["balance"]["kept"])
        # 100 GiB have 26 million pages: with 8 bytes for each this would be exceeded.
        self.assertLess(most, 200_000)

    def test_single_pages_far_apart_are_found_in_terabytes(self):
        body = LIBC + """
large = anonymous(4 << 40)
for at in (0, (1 << 40) + 4096, (3 << 40) - 4096):
    ctypes.memset(large + at, 1, 1)
ctypes.string_at(large + (2 << 40), 1)  # reading maps the zero page
"""
        with Child(body) as child:
            result = run("--json", child.pid)
        self.assertEqual(result.returncode, 0, result.stderr)
        region, = [r for r in json.loads(result.stdout)["regions"] if r["size"] >= 4 << 40]
        begin = next(int(run["begin"], 16) for run in region["runs"] if run["state"] != "absent")
        present = [(int(run["begin"], 16) - begin, run["pages"]) for run in region["runs"] if run["state"] != "absent"]
        self.assertEqual(present, [(0, 1), ((1 << 40) + 4096, 1), (2 << 40, 1), ((3 << 40) - 4096, 1)])
        self.assertEqual(region["answers"][0]["present_pinned"], 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
