"""Several hosts on one machine, for mpirun: a network namespace and a host name each, on a bridge of their own. Root only."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from support import PROGRAM

AGENT = """#!/bin/sh
# What mpirun takes for ssh: AGENT HOST COMMAND...
host=$1; shift
exec ip netns exec {name}-${{host##*.}} unshare --uts sh -c 'hostname host-${{0##*.}}; exec sh -c "$*"' "$host" "$@"
"""
MPIRUN = """#!/bin/sh
# Takes all hosts for its ranks.
exec mpirun --host {slots} --mca plm_rsh_agent {folder}/agent --mca plm_rsh_no_tree_spawn 1 --mca oob_tcp_if_include {net}.0/24 \\
  --mca btl_tcp_if_include {net}.0/24 --mca btl_vader_single_copy_mechanism none "$@"
"""


def missing():
    """What stands in the way of hosts here, in words; "" = nothing."""
    if os.geteuid() != 0:
        return "hosts need root (network namespaces)"
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "hosts need ip and unshare (packages iproute2, util-linux)"
    name = f"ntk-try-{os.getpid()}"
    tried = subprocess.run(f"ip netns add {name} && ip netns exec {name} unshare --uts true; s=$?; ip netns del {name}; exit $s", shell=True, capture_output=True)
    return "" if tried.returncode == 0 else f"no network namespaces here: {tried.stderr.decode().strip()}"


class Hosts:
    """`count` hosts of `slots` ranks each; host 1 is where commands start. Use as a context."""

    def __init__(self, folder, count=4, slots=2):
        self.folder, self.count = pathlib.Path(folder), count
        self.name = f"ntk{os.getpid()}"
        self.net = "10.77.0"
        slots_of = ",".join(f"{self.net}.{i}:{slots}" for i in self.numbers())
        for script, text in {"agent": AGENT, "mpirun-on-hosts": MPIRUN}.items():
            path = self.folder / script
            path.write_text(text.format(name=self.name, folder=self.folder, slots=slots_of, net=self.net))
            path.chmod(0o755)

    def numbers(self):
        return range(1, self.count + 1)

    def _ip(self, *words, check=True):
        subprocess.run(["ip", *map(str, words)], check=check, capture_output=True)

    def __enter__(self):
        try:
            self._ip("netns", "add", f"{self.name}-0")  # the switch
            self._ip("-n", f"{self.name}-0", "link", "add", "bridge", "type", "bridge")
            self._ip("-n", f"{self.name}-0", "link", "set", "bridge", "up")
            for i in self.numbers():
                here = f"{self.name}-{i}"
                self._ip("netns", "add", here)
                self._ip("-n", here, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{i}", "netns", f"{self.name}-0")
                self._ip("-n", here, "address", "add", f"{self.net}.{i}/24", "dev", "eth0")
                for link in ("lo", "eth0"):
                    self._ip("-n", here, "link", "set", link, "up")
                self._ip("-n", f"{self.name}-0", "link", "set", f"port{i}", "master", "bridge", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for i in (*self.numbers(), 0):
            self.kill(i)
            self._ip("netns", "del", f"{self.name}-{i}", check=False)

    def start(self, *arguments, **options):
        """Starts `ntkgan` on host 1, whose mpirun takes all hosts."""
        environment = {**os.environ, "NTKGAN_MPIRUN": str(self.folder / "mpirun-on-hosts"), "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        command = [self.folder / "agent", f"{self.net}.1", *map(lambda word: "'" + str(word) + "'", [PROGRAM, *arguments])]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, **options)

    def processes(self, number):
        return [int(word) for word in subprocess.run(["ip", "netns", "pids", f"{self.name}-{number}"], capture_output=True, text=True).stdout.split()]

    def kill(self, number):
        """The host dies: nothing on it runs on. It may be used again at once."""
        end = time.monotonic() + 5
        while (left := self.processes(number)) and time.monotonic() < end:
            for process in left:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)


@pytest.fixture
def hosts(tmp_path):
    if reason := missing():
        pytest.skip(reason)
    with Hosts(tmp_path) as made:
        yield made
