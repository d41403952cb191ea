# ranks: 1
"""tools/install.sh with stand-ins for dpkg-query, apt-get, id and sudo: it installs what is missing, only then, and says so when it may not."""

import os
import re
import subprocess

import pytest

from support import ROOT

DPKG = """#!/bin/sh
for name do case $name in -*|*{*) ;; *) grep -qx "$name" "$STATE/missing" 2>/dev/null || echo "$name installed" ;; esac; done
"""
APT = """#!/bin/sh
echo "$@" >>"$STATE/apt"
[ "$1" != install ] || [ "${FAIL:-0}" = 1 ] || : >"$STATE/missing"
exit "${FAIL:-0}"
"""
ID = """#!/bin/sh
echo "${FAKE_UID:-0}"
"""


@pytest.fixture
def install(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "awk", "dirname", "env", "mktemp", "rm", "tail", "wc", "grep", "printf"):
        (tools / name).symlink_to(subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip())
    for name, text in {"dpkg-query": DPKG, "apt-get": APT, "id": ID}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)

    def run(*sections, missing=(), without=(), **environment):
        (tmp_path / "missing").write_text("".join(f"{name}\n" for name in missing))
        for name in without:
            (tools / name).unlink()
        done = subprocess.run(
            [ROOT / "tools" / "install.sh", *sections],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": str(tools), "STATE": str(tmp_path), **environment},
        )
        calls = (tmp_path / "apt").read_text().splitlines() if (tmp_path / "apt").exists() else []
        return done, calls

    return run


def test_nothing_is_done_when_all_is_there(install):
    done, calls = install()
    assert done.returncode == 0 and calls == []
    assert re.fullmatch(r"install: all \d+ packages for build test tools are there\n", done.stdout)


def test_what_is_missing_is_installed(install):
    done, calls = install(missing=["libyaml-dev", "python3-xarray"])
    assert done.returncode == 0, done.stderr
    assert calls[0].startswith("update")
    assert calls[1].startswith("install") and "--no-install-recommends" in calls[1] and calls[1].endswith(" libyaml-dev python3-xarray")


def test_sections_are_separate(install):
    done, calls = install("build", missing=["python3-xarray", "clang"])
    assert done.returncode == 0 and calls == []
    done, calls = install("lint", missing=["python3-xarray", "clang"])
    assert calls[-1].endswith(" clang")


@pytest.mark.parametrize("case", [{"FAKE_UID": "1000"}, {"without": ["apt-get"]}, {"FAIL": "1"}], ids=["not root", "no apt-get", "apt-get fails"])
def test_a_clear_message_where_it_may_not(install, case):
    done, _ = install(missing=["libelpa-dev"], **case)
    assert done.returncode == 1
    assert "missing: libelpa-dev" in done.stderr
    assert "MPICC=" in done.stderr and "HDF5_PC=" in done.stderr and "module load" in done.stderr


def test_other_systems_go_on_to_the_build(install):
    done, calls = install(without=["dpkg-query"])
    assert done.returncode == 0 and calls == [] and "nothing is installed" in done.stdout


def test_every_package_says_what_it_is_for():
    lines = (ROOT / "tools" / "packages.txt").read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith(("#", "["))]
    assert len(packages) > 20 and all(len(line.split(None, 1)) == 2 for line in packages)
    assert os.access(ROOT / "tools" / "install.sh", os.X_OK)
