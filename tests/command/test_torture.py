# ranks: 2
"""A short torture; `make torture` is the long one."""

import subprocess
import sys

import pytest

from support import ROOT

pytestmark = pytest.mark.slow


def test_twenty_kills_lose_nothing():
    done = subprocess.run([sys.executable, ROOT / "tests" / "command" / "torture.py", "--kills", "20"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 kills" in done.stdout and "nothing lost" in done.stdout
