"""A Slurm of our own for the tests: munged, slurmctld and two slurmd in a private folder, on 127.0.0.1 and ports of their own.

As root every node is a host of its own by name (a UTS namespace); other users get one node with this machine's name.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from support import PROGRAM, ROOT

DAEMONS = ("munged", "slurmctld", "slurmd")
SEARCH = os.pathsep.join(["/usr/sbin", "/sbin", os.environ.get("PATH", "")])

CONFIGURATION = """
ClusterName=ntkgan
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MailProg=/bin/true
SlurmctldPort={controller}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
TmpFS={folder}/tmp-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=300
KillWait=10
OverTimeLimit=5
DefMemPerNode=200
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
NodeName={names} {hostname} NodeAddr=127.0.0.1 Port={nodes} CPUs=8 RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
"""


def missing():
    """What stands in the way of a Slurm here, in words; "" = nothing."""
    absent = [name for name in (*DAEMONS, "sbatch", "srun") if not shutil.which(name, path=SEARCH)]
    return f"Slurm is not installed ({', '.join(absent)} missing: packages slurm-wlm and munge)" if absent else ""


def free_ports(count):
    """Consecutive ports nobody listens on now."""
    for base in range(20000 + os.getpid() % 9000, 32000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise OSError("no free ports")


def wait_until(condition, seconds=30, what="it"):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
    return value


class Cluster:
    """Nodes n1 and n2 that pretend to have eight cores each. Commands run with this cluster's environment; `ntkgan` is on the PATH."""

    def __init__(self, folder):
        self.folder = folder
        self.brought_forward = {}  # job: the requeue whose waiting time was taken away
        root = os.geteuid() == 0
        self.nodes = ["n1", "n2"] if root else [socket.gethostname().split(".")[0]]
        self.own_hosts = root
        base = free_ports(1 + len(self.nodes))
        for name in ["state", "bin", *(f"{kind}-{node}" for node in self.nodes for kind in ("spool", "tmp"))]:
            (folder / name).mkdir()
        (folder / "bin" / "ntkgan").symlink_to(PROGRAM)
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                folder=folder,
                host=socket.gethostname().split(".")[0],
                user="root" if root else os.environ.get("USER", str(os.geteuid())),
                controller=base,
                names="n[1-2]" if root else self.nodes[0],
                hostname="" if root else f"NodeHostname={socket.gethostname()}",
                nodes=f"{base + 1}-{base + 2}" if root else base + 1,
            )
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH", "PMI", "NTKGAN_", "OMPI_MCA_"))}
        self.environment = {
            **kept,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{folder}/bin:{SEARCH}",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
            "OMPI_MCA_btl_tcp_if_include": "lo",
            "OMPI_MCA_oob_tcp_if_include": "lo",
            "OMPI_MCA_mpi_yield_when_idle": "1",
        }
        self.processes = {}

    def _start(self, name, *command):
        with open(self.folder / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.environment)

    def start(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        names = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munge.pid", "log-file": "munge.log", "seed-file": "munge.seed"}
        self._start("munged", "munged", "-F", "--force", *(f"--{option}={self.folder}/{file}" for option, file in names.items()))
        wait_until((self.folder / "munge.socket").exists, what="munged's start")
        self._start("slurmctld", "slurmctld", "-D", "-i")
        for node in self.nodes:
            self.start_node(node)
        wait_until(lambda: self.states() == ["idle"] * len(self.nodes), what="the nodes' start")

    def start_node(self, node):
        plain = ["slurmd", "-D", "-N", node]
        self._start(node, *(["unshare", "--uts", "sh", "-c", f"hostname {node}; exec {' '.join(plain)}"] if self.own_hosts else plain))

    def stop_node(self, node):
        """Ends slurmd; jobs at work go on, as they do under a real one."""
        self.processes.pop(node).send_signal(signal.SIGTERM)

    def stop(self):
        with contextlib.suppress(Exception):
            self.run("scancel", "--user", str(os.geteuid()), timeout=10)
            wait_until(lambda: not self.run("squeue", "-h", "-o", "%i").stdout.strip(), seconds=15)
        for name in (*self.nodes, "slurmctld", "munged"):
            if process := self.processes.get(name):
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._kill_leftovers()

    def _kill_leftovers(self):
        """slurmstepd leaves slurmd's session; ours are known by their environment."""
        mark = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        os.kill(int(entry.name), signal.SIGKILL)

    def run(self, *command, status=0, cwd=None, timeout=60, **environment):
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            env={**self.environment, **environment},
        )
        if status is not None:
            assert done.returncode == status, f"{command}: exit {done.returncode}, expected {status}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done

    def logs(self):
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(self.folder.glob("slurm*.log")))

    def states(self):
        return self.run("sinfo", "-h", "-N", "-p", "all", "-o", "%T", status=None).stdout.split()

    def submit(self, script, *arguments, options=(), cwd=None, **environment):
        """Job id of slurm/SCRIPT (or a path) with arguments."""
        path = script if isinstance(script, pathlib.Path) else ROOT / "slurm" / script
        return self.run("sbatch", "--parsable", *options, path, *arguments, cwd=cwd, **environment).stdout.strip()

    def job(self, number):
        """What Slurm says about a job: {"JobState": "RUNNING", "ExitCode": "0:0", ...}; {} when it has forgotten it."""
        text = self.run("scontrol", "-o", "show", "job", number, status=None).stdout
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def hasten(self, number):
        """Waits until the job is queued again and takes away the two minutes that Slurm lets a requeued job wait."""
        wait_until(lambda: (told := self.job(number))["Restarts"] != "0" and told["JobState"] == "PENDING" and self.bring_forward(told), 60, f"the requeue of job {number}")

    def bring_forward(self, told):
        """Once a requeue; not all of the time: a job that starts in the second in which it ended is taken for the old one."""
        if self.brought_forward.get(told["JobId"]) != told["Restarts"]:
            self.run("scontrol", "update", f"JobId={told['JobId']}", "StartTime=now+2")
            self.brought_forward[told["JobId"]] = told["Restarts"]
        return told

    def wait_for(self, number, *states, seconds=60):
        """Waits until the job is in one of the states; gives what Slurm says then. On a busy machine a job may be queued again more than once."""

        def reached():
            told = self.job(number)
            if told.get("JobState") == "PENDING" and told.get("Restarts") != "0" and told.get("Reason") == "BeginTime":
                self.bring_forward(told)
            return told.get("JobState") in states and told

        try:
            return wait_until(reached, seconds, f"job {number} in {states}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.job(number)}\n{self.logs()}") from None

    def assert_finished(self, number):
        """The job ends with exit status 0."""
        told = self.wait_for(number, "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL")
        log = pathlib.Path(told["StdOut"])
        assert told["ExitCode"] == "0:0", f"{told}\n{log.read_text() if log.exists() else ''}\n{self.logs()}"


@pytest.fixture(scope="session")
def cluster():
    if reason := missing():
        pytest.skip(reason)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ntk-slurm-"))  # short: sockets live there
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
