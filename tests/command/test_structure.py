# ranks: 1
"""The shape of the source: which room may include which, who may end the program, how long things may be."""

import pathlib
import re
import shutil
import subprocess

import pytest

from support import ROOT

# A room includes only rooms with a smaller number, and itself.
ROW = {
    **dict.fromkeys(["base"], 1),
    **dict.fromkeys(["config", "io"], 2),
    **dict.fromkeys(["kernel", "data"], 3),
    **dict.fromkeys(["field", "gram", "net"], 4),
    **dict.fromkeys(["gan", "metric", "spectrum"], 5),
    **dict.fromkeys(["run"], 6),
    **dict.fromkeys(["study"], 7),
    **dict.fromkeys(["cli"], 8),
}
ROOM_OF_PUBLIC_HEADER = {"error": "base"}  # the others are named after their room

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 100

SOURCES = sorted(p for p in (ROOT / "src").rglob("*.[ch]"))
PUBLIC = sorted((ROOT / "include" / "ntkgan").glob("*.h"))


def room(path):
    return path.relative_to(ROOT / "src").parts[0]


def code_only(text):
    """C source without comments and without the inside of strings; line numbers are kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        token = match.group(0)
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token[0] + token[-1]

    return re.sub(pattern, blank, text, flags=re.DOTALL)


def upward_includes(path, text):
    """The includes of a file that its room does not allow."""
    wrong = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r'\s*#\s*include\s*"([^"/]+)/', line):
            target = found.group(1)
        elif found := re.match(r"\s*#\s*include\s*<ntkgan/(\w+)\.h>", line):
            target = ROOM_OF_PUBLIC_HEADER.get(found.group(1), found.group(1))
        else:
            continue
        here = room(path)
        if target != here and ROW.get(target, 99) >= ROW[here]:
            wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return wrong


def functions(text):
    """(name, first line, number of lines) of each function of laid-out C source: its last line is a brace in the first column."""
    found, start, name = [], None, None
    for number, line in enumerate(code_only(text).splitlines(), 1):
        if start is None and (match := re.match(r"[A-Za-z_][^=(]*?\b(\w+)\s*\(", line)) and not line.rstrip().endswith(";"):
            start, name = number, match.group(1)
        if start is not None and line.startswith("}"):
            found.append((name, start, number - start + 1))
            start = None
        elif start is not None and (line.rstrip().endswith(";") or line.rstrip().endswith("}")) and not line.startswith(" "):
            start = None
    return found


def tracked_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    skip = {"build", "results", ".git"}
    return [p for p in ROOT.rglob("*") if p.is_file() and p.relative_to(ROOT).parts[0] not in skip]


def texts():
    for path in tracked_files():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_every_folder_is_a_room():
    assert {room(p) for p in SOURCES} <= set(ROW)


def test_includes_point_downwards():
    assert [line for path in SOURCES for line in upward_includes(path, path.read_text())] == []


@pytest.mark.parametrize("line", ['#include "study/batch.h"', '#include "io/h5.h"', "#include <ntkgan/kernel.h>", '#include "nowhere/x.h"'])
def test_an_include_that_points_upwards_is_seen(line):
    assert len(upward_includes(ROOT / "src" / "config" / "x.c", "\n" + line)) == 1


def test_only_main_ends_the_program_or_starts_mpi():
    forbidden = re.compile(r"(?<!\w)(exit|abort|quick_exit|MPI_Init|MPI_Init_thread|MPI_Finalize|MPI_Abort)\s*\(")
    calls = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        if path != ROOT / "src" / "cli" / "main.c"
        for number, line in enumerate(code_only(path.read_text()).splitlines(), 1)
        if forbidden.search(line)
    ]
    assert calls == []


def test_the_library_does_not_print():
    printing = re.compile(r"(?<!\w)(printf|vprintf|puts|putchar|perror)\s*\(|(?<!\w)(fprintf|vfprintf|fputs|fwrite|fflush)\s*\([^;]*\bstd(out|err)\b")
    allowed = {"src/cli/main.c", "src/base/log.c"}
    calls = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        if str(path.relative_to(ROOT)) not in allowed
        for number, line in enumerate(code_only(path.read_text()).splitlines(), 1)
        if printing.search(line)
    ]
    assert calls == []


def test_files_and_functions_are_short():
    long = []
    for path in [*SOURCES, *PUBLIC, *sorted((ROOT / "tests").rglob("*.[ch]")), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "tools").rglob("*.py"))]:
        text = path.read_text()
        lines = text.count("\n")
        if lines > MAX_FILE_LINES:
            long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        if path.suffix == ".c":
            long += [f"{path.relative_to(ROOT)}:{at}: {name}: {n} lines" for name, at, n in functions(text) if n > MAX_FUNCTION_LINES]
    assert long == []


def test_lengths_of_functions_are_measured():
    text = "static int f(int a,\n             int b) {\n  if (a) {\n  }\n  return b;\n}\n\nint g(void);\n\nvoid h(void) {}\nstruct s {\n  int a;\n};\n" "int k(void) {\n}\n"
    assert functions(text) == [("f", 1, 6), ("k", 14, 2)]


@pytest.mark.parametrize("header", PUBLIC, ids=lambda p: p.name)
@pytest.mark.parametrize("language", ["c11", "c++17"])
def test_public_headers_stand_alone(header, language):
    compiler = "g++" if language.startswith("c++") else "gcc"
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    name = "c++" if compiler == "g++" else "c"
    command = [compiler, "-x", name, f"-std={language}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-I{ROOT}/include", "-"]
    done = subprocess.run(command, input=f"#include <ntkgan/{header.name}>\n#include <ntkgan/{header.name}>\n", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_headers_of_the_rooms_stand_alone():
    asked = subprocess.run(["make", "-s", "--no-print-directory", "print-compile"], cwd=ROOT, capture_output=True, text=True, check=True)
    command = re.match(r"compile = (.*) \(\w+\)", asked.stdout).group(1).replace("'", "").split()
    wrong = []
    for header in (p for p in SOURCES if p.suffix == ".h"):
        done = subprocess.run([*command, "-x", "c", "-fsyntax-only", "-"], input=f'#include "{header.relative_to(ROOT / "src")}"\n', capture_output=True, text=True, cwd=ROOT)
        if done.returncode != 0:
            wrong.append(done.stderr)
    assert wrong == []


def test_every_unit_test_names_its_ranks():
    missing = [p.name for p in sorted((ROOT / "tests" / "unit").glob("*.c")) if not re.match(r"// ranks:( \d+)+\n", p.read_text())]
    assert missing == []


def test_no_path_of_somebodys_machine():
    own = re.escape(str(ROOT)) if len(ROOT.parts) > 2 else r"(?!)"
    private = re.compile(rf"(?<![\w.])(/(home|root|Users|mnt|scratch|nfs)/\w|{own}\b)")
    here = pathlib.Path(__file__).resolve().relative_to(ROOT)
    found = [f"{path}:{number}" for path, text in texts() if path != here for number, line in enumerate(text.splitlines(), 1) if private.search(line)]
    assert found == []
