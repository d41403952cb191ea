# ranks: 1
"""The hot loops in the objects: arithmetic on whole vector registers of the instruction set they were compiled for, none on single numbers. A loop that
the compiler gave up on is right and several times slower, and nothing else would tell."""

import collections
import pathlib
import re
import shutil
import subprocess

import pytest

from support import PROGRAM

OBJECTS = pathlib.Path(PROGRAM).resolve().parent / "obj" / "kernel" / "tile"
REGISTER = {"x86_64_v4": "zmm", "x86_64_v3": "ymm"}
ARITHMETIC = re.compile(r"v(?:add|sub|mul|div|sqrt|max|min|fn?m(?:add|sub)\d+)([ps])([ds])$")
MODES = [f"{kernel}_{mode}" for kernel in ("nngp", "ntk") for mode in ("value", "gradient")]
# Functions of an object, and the least arithmetic of each of their large loops.
LOOPS = {
    "chain": [f"{place}_{mode}" for place in ("first", "middle", "last", "only") for mode in [*MODES, "nngp_both", "ntk_both"]],
    "chain.single": [f"{place}_{mode}" for place in ("first", "middle") for mode in MODES],
    "input": ["ntk_input_direct_{isa}"],
    "ab_relu": [f"ab_relu_{mode}" for mode in MODES],
    "smooth": [f"{name}_{mode}" for name in ("erf", "gelu") for mode in MODES],
}
LARGE = 15


def functions(text):
    """{name: [(address, operation, operands)]} of a disassembly."""
    found, current = {}, None
    for line in text.splitlines():
        if head := re.match(r"[0-9a-f]+ <([^>]+)>:", line):
            current = found.setdefault(head[1], [])
        elif (body := re.match(r"\s+([0-9a-f]+):\s+(\S+)\s*(.*)", line)) and current is not None:
            current.append((int(body[1], 16), body[2], body[3]))
    return found


def innermost_loops(instructions):
    place = {address: i for i, (address, _, _) in enumerate(instructions)}
    spans = []
    for i, (_, operation, operands) in enumerate(instructions):
        target = re.match(r"([0-9a-f]+)", operands) if operation.startswith("j") else None
        if target and place.get(int(target[1], 16), i + 1) <= i:
            spans.append((place[int(target[1], 16)], i))
    spans = [s for s in spans if not any(op == "ret" for _, op, _ in instructions[s[0] : s[1]])]  # jumps back to the end of the function
    inner = [s for s in spans if not any(t != s and s[0] <= t[0] and t[1] <= s[1] for t in spans)]
    return [instructions[first : last + 1] for first, last in inner]


def arithmetic(loop):
    """How many operations on whole registers of each width, and on single numbers."""
    count = collections.Counter()
    for _, operation, operands in loop:
        if kind := ARITHMETIC.match(operation):
            count["single" if kind[1] == "s" else re.findall(r"%([xyz]mm)", operands)[-1]] += 1
    return count


def complaints(instructions, register):
    counts = [c for c in map(arithmetic, innermost_loops(instructions)) if sum(c.values()) >= LARGE]
    return [dict(c) for c in counts if c["single"] or c[register] != sum(c.values())] if counts else ["no large loop"]


def disassembly(name):
    if not shutil.which("objdump"):
        pytest.skip("objdump is not here (Debian package binutils)")
    if not (OBJECTS / name).exists():
        pytest.skip(f"{name} is not among the objects of this build: another machine's, or an installed program")
    return functions(subprocess.run(["objdump", "-d", "--no-show-raw-insn", OBJECTS / name], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("isa", REGISTER)
@pytest.mark.parametrize("part", LOOPS)
def test_hot_loops_are_vectors(part, isa):
    found, names = disassembly(f"{part}.{isa}.o"), [name.format(isa=isa) for name in LOOPS[part]]
    assert set(names) <= set(found)
    wrong = {name: bad for name in names if (bad := complaints(found[name], REGISTER[isa]))}
    assert not wrong


def test_scalar_and_narrow_loops_are_seen():
    loop = "0000 <f>:\n" + "".join(f"  {i:x}:\tvmulpd %zmm1,%zmm2,%zmm3\n" for i in range(30)) + "  1e:\tjne    0 <f>\n"
    assert complaints(functions(loop)["f"], "zmm") == []
    assert complaints(functions(loop)["f"], "ymm")
    assert complaints(functions(loop.replace("vmulpd %zmm1,%zmm2,%zmm3", "vmulsd %xmm1,%xmm2,%xmm3", 1))["f"], "zmm")
    assert complaints(functions(loop.replace("jne    0", "jne    1e"))["f"], "zmm") == ["no large loop"]
