# ranks: 2
"""The benchmark programs at tiny sizes: that they start, compare answers and write their tables. No timing is judged."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from support import PROGRAM, ROOT

sys.path.insert(0, str(ROOT / "tools"))

BUILD = pathlib.Path(PROGRAM).resolve().parent


def tool(name, *arguments, status=0):
    environment = {**os.environ, "BUILD": str(BUILD), "NTKGAN": PROGRAM}
    done = subprocess.run([sys.executable, ROOT / "tools" / name, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture
def server():
    from bench_common import Server

    with Server(str(BUILD / "bench" / "operations"), "1") as server:
        yield server


@pytest.fixture
def points(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).standard_normal((20, 2)))
    return str(tmp_path / "x.npy")


def test_every_group_gives_rows_with_a_ratio(tmp_path):
    tool("bench.py", "--smoke", "--ranks", 1, "--output", tmp_path / "bench.json")
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    names = {row["operation"] for row in rows}
    for expected in ("relu x 3, value", "activation tanh", "Gram relu x 3, whole on a rank", "IPM step, relu x 3", "Gaussian sums, value", "LSGAN step, relu x 3"):
        assert expected in names
    for expected in ("product with a stored matrix", "MMD^2, 500 permutations", "tiny runs of a study"):
        assert expected in names
    for row in rows:
        assert 0 < row["ratio"]["least"] <= row["ratio"]["median"] <= row["ratio"]["most"] < np.inf, row


def test_a_pattern_chooses_and_two_ranks_are_beside_one(tmp_path):
    tool("bench.py", "--smoke", "--ranks", 2, "--output", tmp_path / "bench.json", "ipm")
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert {row["operation"] for row in rows} == {"IPM step, relu x 3"}
    scaling = [row for row in rows if row["beside"] == "1 rank's time over 2 ranks'"]
    assert scaling and all(row["note"].startswith("2 copies at once: ") for row in scaling)


def test_peers_do_the_same_and_the_readme_shows_it(tmp_path):
    """The comparison with plain formulas, which needs no other program, takes the same way as that with peers."""
    tool("bench_peers.py", "--smoke", "--peer", "numpy", "--ranks", 1, "--output", tmp_path / "bench" / "peers.json")
    tool("bench.py", "--smoke", "--ranks", 1, "--output", tmp_path / "bench" / "bench.json", "products", "instruction_sets")
    readme = tmp_path / "README.md"
    text = (ROOT / "README.md").read_text()
    readme.write_text(text)
    environment = {**os.environ, "BUILD": str(tmp_path)}
    subprocess.run([sys.executable, ROOT / "tools" / "bench_readme.py", readme], env=environment, check=True)
    before, after = text.split("<!-- speed")[0], text.split("<!-- end of speed -->")[1]
    written = readme.read_text()
    assert written.startswith(before) and written.endswith(after)
    assert "| Gram relu x 3, whole on a rank | 64, d = 2 | 1 |" in written and "time of NumPy over this" in written


def test_a_wrong_answer_of_a_peer_is_seen(tmp_path):
    """The same server with other weights: the comparison refuses before it prints a ratio."""
    script = "import bench_peer, bench_peers, sys; bench_peer.signs = lambda n: 1; bench_peer.main()"
    tool("bench_peers.py", "--smoke", "--peer", "numpy", "--ranks", 1, "--output", tmp_path / "p.json", "Gram")
    wrong = subprocess.run(
        [sys.executable, "-c", f"import sys, bench_peers as b; b.peer_server = lambda peer: b.Server(sys.executable, '-c', {script!r}, peer); b.main()", "--smoke"]
        + ["--peer", "numpy", "--ranks", "1", "--output", str(tmp_path / "p.json"), "Gaussian"],
        capture_output=True,
        text=True,
        env={**os.environ, "BUILD": str(BUILD), "NTKGAN": PROGRAM, "PYTHONPATH": str(ROOT / "tools")},
    )
    assert wrong.returncode != 0 and "the answers differ by" in wrong.stderr and "NumPy's" not in wrong.stdout


def test_requests_that_cannot_be_done_are_answered(server, points):
    from bench_common import RELU

    for operation, keys, message in (
        ("nothing", {}, "no operation 'nothing'"),
        ("bound", {"bound": "speed"}, "no bound 'speed'"),
        ("gram", {"points": points, "network": {**RELU, "activation": "rel"}}, "relu"),
        ("step", {"points": points, "others": points}, "discriminator"),
        ("gram", {"points": "/nowhere.npy", "network": RELU}, "/nowhere.npy"),
    ):
        with pytest.raises(SystemExit, match=message):
            server.make(operation, **keys)
    with server.make("matrix", points=points, network=RELU) as task:
        assert task.run(0)[1] == 400
        k = task.answer("value").reshape(20, 20)
        assert np.array_equal(k, k.T) and k.min() != k.max()
        with pytest.raises(SystemExit, match="no answer 'other'"):
            task.answer("other")


def test_matrix_on_a_rank_and_spread_over_ranks_are_the_same(points):
    from bench_common import RELU, Server

    answers = []
    for ranks in (1, 2):
        with Server(str(BUILD / "bench" / "operations"), str(ranks)) as server:
            for operation in ("matrix", "gram"):
                with server.make(operation, points=points, network=RELU) as task:
                    task.run(0)
                    answers.append(task.answer("value"))
    assert all(np.array_equal(a, answers[0]) or np.allclose(a, answers[0], rtol=1e-14) for a in answers)
