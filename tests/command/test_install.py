# ranks: 1
"""make install, and a program of another author that uses what was installed."""

import ast
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from support import PROGRAM, ROOT, ntkgan

pytestmark = pytest.mark.slow  # for `make test`; `make check` is to end within a minute

USER_PROGRAM = """
#include <math.h>
#include <ntkgan/kernel.h>
#include <stdio.h>

int main(void) {
  const double x[] = {0, 0, 3, 4};
  double k[4];
  ntk_kernel *kernel;
  ntk_prepared *points;
  ntk_workspace *workspace;
  ntk_error *err = ntk_kernel_parse("{type: rbf, bandwidth: 5}", "ntk", 2, &kernel);
  if (!err) err = ntk_prepare(kernel, 2, x, &points);
  if (!err) err = ntk_workspace_create(kernel, &workspace);
  if (err) {
    fprintf(stderr, "%s\\n", ntk_error_message(err));
    return 1;
  }
  ntk_tile tile = {points, points, 0, 2, 0, 2};
  ntk_tile_values(kernel, workspace, tile, k, 2);
  ntk_workspace_free(&workspace);
  ntk_prepared_free(&points);
  ntk_kernel_free(&kernel);
  return fabs(k[0] - 1) < 1e-14 && fabs(k[1] - exp(-0.5)) < 1e-14 && k[1] == k[2] ? 0 : 2;
}
"""


def make(*arguments, **environment):
    build = os.path.relpath(pathlib.Path(PROGRAM).parent, ROOT)
    command = ["make", "-s", "--no-print-directory", f"BUILD={build}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    make("install", f"PREFIX={folder}")
    return folder


def test_the_installed_command_runs(prefix):
    version = subprocess.run([prefix / "bin" / "ntkgan", "version"], capture_output=True, text=True, check=True).stdout
    assert make("print-VERSION").split()[2] in version
    ntkgan("check", prefix / "share" / "ntkgan" / "jobs" / "eight-gaussians.yaml")


def test_a_program_links_by_pkg_config(prefix, tmp_path):
    (tmp_path / "user.c").write_text(USER_PROGRAM)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "ntkgan"], capture_output=True, text=True, check=True, env=environment).stdout.split()
    subprocess.run(["gcc", "-std=c11", "-Wall", "-Werror", "-o", tmp_path / "user", tmp_path / "user.c", *flags], check=True)
    subprocess.run([tmp_path / "user"], check=True)


def test_the_manual_names_every_command(prefix):
    page = (prefix / "share" / "man" / "man1" / "ntkgan.1").read_text()
    for command in ("run", "check", "plan", "status", "submit", "index", "gram", "field", "mmd", "spectrum", "metric", "list", "help", "schema", "version"):
        assert f".SS {command}\n" in page
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True)
        assert done.stderr == ""


def test_the_python_module_is_installed(prefix):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(prefix / "share" / "ntkgan")}
    subprocess.run([sys.executable, "-c", "from ntkgan_results import open_study"], check=True, env=environment, cwd="/")


def test_uninstall_leaves_nothing(tmp_path):
    make("install", "PREFIX=/usr", f"DESTDIR={tmp_path}")
    assert (tmp_path / "usr" / "bin" / "ntkgan").exists()
    assert "prefix=/usr\n" in (tmp_path / "usr" / "lib" / "pkgconfig" / "ntkgan.pc").read_text()
    make("uninstall", "PREFIX=/usr", f"DESTDIR={tmp_path}")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def wanted_packages(section):
    words, here = [], False
    for line in (ROOT / "tools" / "packages.txt").read_text().splitlines():
        here = line == f"[{section}]" if line.startswith("[") else here
        words += line.split()[:1] if here and line and line[0] not in "[#" else []
    return words


def test_the_spack_recipe_is_of_this_version_and_knows_the_libraries():
    text = (ROOT / "tools" / "spack" / "package.py").read_text()
    ast.parse(text)
    assert f'version("{make("print-VERSION").split()[2]}")' in text
    libraries = {name.removeprefix("lib").split("-")[0] for name in wanted_packages("build") if name.startswith("lib") or name.endswith("-dev")}
    known = {"openmpi": "mpi", "openblas": "blas", "yaml": "libyaml", "zlib1g": "zlib-api"}
    assert {known.get(name, name) for name in libraries} <= set(re.findall(r'depends_on\("([a-z0-9-]+)', text))


def test_the_commands_of_the_image_are_shell_and_name_what_is_there():
    text = (ROOT / "tools" / "apptainer" / "ntkgan.def").read_text()
    sections = dict(re.findall(r"^%(\w+)\n(.*?)(?=^%|\Z)", text, re.M | re.S))
    for name in ("post", "test", "runscript", "environment"):
        subprocess.run(["sh", "-n"], input=sections[name], text=True, check=True)
    assert "tools/install.sh build tools" in sections["post"] and os.access(ROOT / "tools" / "install.sh", os.X_OK)
