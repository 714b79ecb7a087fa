# SPDX-License-Identifier: BSL-1.0
"""Which lines of a folder of headers the tests of a build ran: a table per header, what is left with its reason.

A template is compiled into many objects; a line counts as run where any of them ran it. Lines without code, or with
brackets only, do not count; code that no object asked for has no lines: where that is all of a header, it is named.

As a program: lines.py BUILD [HEADERS REASONS]   (built with -Db_coverage=true, its tests run)
prints the table and exits with 1 where a line is not run and REASONS does not say why, where less is run than REASONS
asks for, or where REASONS names a line that is run.
"""
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEADERS = ROOT / "include/pinfold/mm"
REASONS = Path(__file__).resolve().parent / "uncovered.txt"
BETWEEN = " — "  # a line of a header, and why it is not run
AT_TIMES = "at times: "  # so begins the reason of a line that is run or not as threads happen to meet


def forget(build):
    """Removes what earlier runs counted."""
    for counts in Path(build).rglob("*.gcda"):
        counts.unlink()


@cache
def texts(path):
    """The lines of a file, by their numbers."""
    return ["", *(line.strip() for line in path.read_text().splitlines())]


CLANGS = b"*804"  # the version of its notes: of a g++ that read other ones


def said_by_gcov(notes, build):
    """Of what g++ compiled: file, line number, how often it was run."""
    # Where a program was built but not run, gcov says so and counts nothing: that is what we want.
    said = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], cwd=build, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    for document in map(json.loads, said.splitlines()):
        for source in document["files"]:
            for line in source["lines"]:
                yield Path(document["current_working_directory"], source["file"]), line["line_number"], line["count"]


def said_by_llvm_cov(notes, build):
    """Of what clang compiled: the same."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["llvm-cov", "gcov", "-i", str(notes)], cwd=folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        source = None
        for written in Path(folder).glob("*.gcov"):
            for line in written.read_text().splitlines():
                what, _, rest = line.partition(":")
                if what == "file":
                    source = Path(build, rest)
                elif what == "lcount":
                    number, times = rest.split(",")[:2]
                    yield source, int(number), int(times)


def is_code(text):
    """Whether a line is one that somebody wrote to be run: not brackets, nor the name of a type, at which a compiler puts
    what it makes of it by itself."""
    return text.strip("{});") and not text.startswith(("struct ", "class "))


def counted(build, headers):
    """header -> line number -> whether it was run."""
    run = defaultdict(dict)
    resolved = {}
    newest = max((p.stat().st_mtime for p in headers.glob("*.hpp")), default=0)
    for notes in sorted(Path(build).rglob("*.gcno")):
        if not notes.with_suffix(".o").exists():
            continue  # left behind by a source that is no more
        if notes.stat().st_mtime < newest and not notes.with_suffix(".gcda").exists():
            continue  # of a program that is not built any more, and speaks of other lines
        with notes.open("rb") as file:
            reader = said_by_llvm_cov if file.read(8)[4:] == CLANGS else said_by_gcov
        for source, number, times in reader(notes, build):
            if source not in resolved:
                path = source.resolve()
                resolved[source] = path if path.parent == headers and path.exists() else None
            path = resolved[source]
            if not path:
                continue
            if number >= len(texts(path)):
                raise ValueError(f"{path} was longer when {notes} was built")
            if is_code(texts(path)[number]):
                lines = run[path.name]
                lines[number] = lines.get(number, False) or times > 0
    return run


def gaps(lines):
    """Runs of lines that were not run, [first, last]; lines without code between them do not part them."""
    found, open_gap = [], False
    for number, was_run in sorted(lines.items()):
        if was_run:
            open_gap = False
        elif open_gap:
            found[-1][1] = number
        else:
            found.append([number, number])
            open_gap = True
    return found


def read_reasons(path):
    """The percentage asked for, and (header, text of a line) -> reason."""
    wanted, reasons = None, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("at least "):
            wanted = float(line.removeprefix("at least ").removesuffix(" %"))
            continue
        header, _, rest = line.partition(": ")
        text, found, reason = rest.rpartition(BETWEEN)
        if not found or not text or not reason:
            raise ValueError(f"{path}:{number}: not 'header: text of a line{BETWEEN}reason'")
        reasons[header, text] = reason
    if wanted is None:
        raise ValueError(f"{path}: does not say 'at least N %'")
    return wanted, reasons


def percent(lines):
    return 100 * sum(lines.values()) / len(lines)


def report(run, headers, wanted, reasons):
    """The table, line by line, and the faults."""
    unused, rows, unexplained = set(reasons), [], []
    for header in sorted(run):
        lines = run[header]
        text = texts(headers / header)
        if all(lines.values()):
            continue
        rows.append(f"{header:24} {percent(lines):6.1f} %  {sum(lines.values())} of {len(lines)}")
        for first, last in gaps(lines):
            # An entry speaks for the whole gap it names a line of.
            named = [(header, text[n]) for n in range(first, last + 1) if (header, text[n]) in reasons]
            unused -= set(named)
            if not named:
                unexplained.append(f"{header}: '{text[first]}' (line {first}) is not run, and nothing says why")
            where = f"{first}" if first == last else f"{first}-{last}"
            rows.append(f"    {where:9} {text[first][:60]:60}  {reasons[named[0]] if named else ''}".rstrip())
    silent = sorted({p.name for p in headers.glob("*.hpp")} - set(run))
    every = {(header, number): was for header, lines in run.items() for number, was in lines.items()}
    whole = sum(all(lines.values()) for lines in run.values())

    if not every:
        return rows, ["nothing was counted: built without coverage, or not run"]
    rows.append(f"every line run: {whole} headers; without code of their own: {', '.join(silent) or 'none'}")
    rows.append(f"{headers.name}/: {percent(every):.2f} % of {len(every)} lines run; at least {wanted:g} % asked for")
    unused = {(header, line) for header, line in unused
              if not reasons[header, line].startswith(AT_TIMES) or line not in texts(headers / header)}
    faults = unexplained
    faults += [f"{header}: '{line}' has a reason, but there is no such line that is not run"
               for header, line in sorted(unused)]
    if percent(every) < wanted:
        faults.append(f"less than {wanted:g} % run")
    return rows, faults


def figure(build, headers=HEADERS, reasons=REASONS):
    """Whether the build's tests ran enough, and the text that says so."""
    headers = Path(headers).resolve()
    try:
        rows, faults = report(counted(Path(build).resolve(), headers), headers, *read_reasons(Path(reasons)))
    except (OSError, ValueError, subprocess.CalledProcessError) as failure:
        return False, f"lines of {headers.name}/ run: {failure}"
    return not faults, "\n".join(rows + faults)


def main(*arguments):
    enough, text = figure(*arguments)
    print(text)
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
