"""Spack recipe. In a repository of your own (`spack repo create`), as packages/ntkgan/package.py; then `spack install ntkgan`."""

from spack.package import *


class Ntkgan(MakefilePackage):
    """GANs through the neural tangent kernel: an MPI batch runner of studies written in YAML."""

    license("BSD-3-Clause")

    version("0.1.0")  # no archive is published yet: `spack develop --path CLONE ntkgan@0.1.0` in an environment

    variant("elpa", default=True, description="spectra by ELPA instead of ScaLAPACK alone")

    depends_on("c", type="build")
    depends_on("gmake", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("python@3.9:", type=("build", "run"))  # man page; reading and plotting
    depends_on("mpi")
    depends_on("hdf5@1.10:+hl")
    depends_on("scalapack")
    depends_on("blas")
    depends_on("lapack")
    depends_on("libyaml")
    depends_on("xxhash")
    depends_on("zlib-api")
    depends_on("sundials@6+CVODE")
    depends_on("random123", type="build")
    depends_on("elpa", when="+elpa")
    for reader in ("h5py", "numpy", "pandas", "xarray", "h5netcdf", "pyyaml", "matplotlib"):
        depends_on(f"py-{reader}", type="run")

    def _settings(self):
        spec = self.spec
        libraries = [spec["scalapack"].libs, spec["lapack"].libs, spec["blas"].libs, spec["hdf5:hl"].libs]
        prefixes = [spec[name].prefix for name in ("hdf5", "libyaml", "xxhash", "zlib-api", "random123", "sundials", "blas")]
        flags = [f"-I{prefix.include}" for prefix in prefixes]
        links = [each.ld_flags for each in libraries] + ["-lyaml", "-lxxhash", "-lz"]
        if spec.satisfies("+elpa"):
            elpa = spec["elpa"]
            flags.append(f"-I{elpa.prefix.include.join('elpa-' + str(elpa.version))}")
            links.insert(0, elpa.libs.ld_flags)
        return [
            f"PREFIX={self.prefix}",
            f"MPICC={spec['mpi'].mpicc}",
            f"PYTHON={spec['python'].command.path}",
            f"ELPA_PC={'elpa' if spec.satisfies('+elpa') else ''}",
            f"DEP_CFLAGS={' '.join(flags)}",
            f"DEP_LIBS={' '.join(links)}",
        ]

    def build(self, spec, prefix):
        make(*self._settings())

    def install(self, spec, prefix):
        make("install", *self._settings())

    def setup_run_environment(self, env):
        env.prepend_path("PYTHONPATH", self.prefix.share.ntkgan)
