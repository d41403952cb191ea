# ranks: 1
"""The test runner judges and ends what it runs as it should: a runner that took failures for successes would hide them all."""

import importlib.machinery
import importlib.util
import pathlib
import types

import pytest

from support import PROGRAM, ROOT, instruction_sets

loader = importlib.machinery.SourceFileLoader("runner", str(ROOT / "tests" / "run"))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
loader.exec_module(runner)

GOOD = "1..2\nok 1 - a\nok 2 - b\n# ok - tests\n"


def counts(outcome):
    return outcome.passed, outcome.failed, outcome.skipped


@pytest.mark.parametrize(
    "status, ranks, expected",
    [
        (0, [GOOD, GOOD], (2, 0, 0)),
        (1, [GOOD, "1..2\nok 1 - a\nnot ok 2 - b\n"], (1, 1, 0)),  # on one rank only
        (0, ["1..2\nok 1 - a\nnot ok 2 # SKIP b\n"], (1, 0, 1)),
        (134, ["1..2\nok 1 - a\n[host:1] Signal: Aborted\n"], (1, 1, 0)),  # died on the way
        (0, ["1..2\nok 1 - a\n"], (1, 1, 0)),  # ended early, said nothing
        (0, [GOOD, ""], (2, 1, 0)),  # a rank that never started
        (None, [GOOD], (2, 1, 0)),  # hung at the end
        (1, [GOOD], (2, 1, 0)),  # a leak found at exit
    ],
)
def test_unit_tests_are_judged(status, ranks, expected):
    assert counts(runner.judge_unit(status, "", ranks)) == expected


@pytest.mark.parametrize("status, failed", [(0, 0), (1, 1), (2, 1), (3, 1), (5, 0), (None, 1)])
def test_pytest_without_a_report_is_judged_by_its_status(status, failed, tmp_path):
    assert runner.judge_pytest(status, "", tmp_path / "none.xml").failed == failed


def test_a_report_is_counted(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase></testsuite>')
    assert counts(runner.judge_pytest(1, "", report)) == (1, 1, 1)


def test_nothing_survives_a_time_out(tmp_path):
    # As the ranks of mpirun do: a process group of its own, deaf to SIGTERM.
    script = f"set -m; bash -c 'trap \"\" TERM; echo $$ >{tmp_path}/pid; sleep 60; sleep 60' & echo started; wait"
    status, output = runner.run_in_session(["bash", "-c", script], 1, types.SimpleNamespace(build="build"))
    assert status is None and output == "started\n"
    survivor = pathlib.Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    assert not survivor.exists() or survivor.read_text().rpartition(")")[2].split()[0] == "Z"


def test_rank_counts_are_read(tmp_path):
    (tmp_path / "a.c").write_text("// ranks: 1 2 4\nint main(void);\n")
    (tmp_path / "b.py").write_text('"""No ranks."""\n')
    assert runner.rank_counts(tmp_path / "a.c", [1]) == [1, 2, 4]
    assert runner.rank_counts(tmp_path / "b.py", [2]) == [2]


def test_kernels_and_fields_run_on_each_instruction_set(monkeypatch):
    monkeypatch.delenv("NTKGAN_ISA", raising=False)
    options = types.SimpleNamespace(build=pathlib.Path(PROGRAM).parent, valgrind=False, fast=False, ranks=None)
    found = {(item.path.stem, item.environment.get("NTKGAN_ISA")) for item in runner.unit_items(options)}
    for source in (ROOT / "tests" / "unit").glob("*.c"):
        if source.stem.startswith(("kernel_", "field_")):
            assert {(source.stem, isa) for isa in [None, *instruction_sets()[1:]]} <= found


def test_wide_tests_wait_for_their_cores():
    cores = runner.Cores(2)
    assert cores.take(4) == 2 and cores.free == 0
    cores.give(2)
    assert cores.take(1) == 1 and cores.free == 1
