#!/bin/sh
# Can the compiler find every library? Called by make with MPICC, CFLAGS, LIBS and ELPA (empty: without it).
# Silent when all is well; otherwise names each missing one with its package, its pkg-config name and the variable to set.
set -u

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# name | header | function to link, "-" for none | Debian package | pkg-config variable, "-" for none | module
table='
MPI|mpi.h|MPI_Init|libopenmpi-dev|-|openmpi
HDF5|hdf5.h|H5open|libhdf5-openmpi-dev|HDF5_PC|hdf5
HDF5 HL|hdf5_hl.h|H5DSset_scale|libhdf5-openmpi-dev|HDF5_PC|hdf5
CBLAS|cblas.h|cblas_dgemm|libopenblas-dev|BLAS_PC|openblas
LAPACK|-|dsyev_|libopenblas-dev|BLAS_PC|openblas
ScaLAPACK|-|pdsyevd_|libscalapack-openmpi-dev|SCALAPACK_PC|scalapack
libyaml|yaml.h|yaml_parser_initialize|libyaml-dev|YAML_PC|libyaml
xxHash|xxhash.h|XXH3_128bits|libxxhash-dev|XXHASH_PC|xxhash
zlib|zlib.h|gzopen|zlib1g-dev|ZLIB_PC|zlib
SUNDIALS|cvode/cvode.h|CVodeCreate|libsundials-dev|SUNDIALS_LIBS|sundials
Random123|Random123/philox.h|-|librandom123-dev|-|random123'
[ -z "${ELPA:-}" ] || table="$table
ELPA|elpa/elpa.h|elpa_init|libelpa-dev|ELPA_PC|elpa"

# program HEADERS FUNCTIONS: does a program with them compile and link?
program() {
  {
    echo '#include <stddef.h>'
    for h in $1; do echo "#include <$h>"; done
    i=0
    for f in $2; do
      case $f in *_) echo "void $f(void);" ;; esac
      i=$((i + 1))
      echo "void *volatile p$i;"
      echo "static void take$i(void) { p$i = (void *)$f; }"
    done
    echo 'int main(void) {'
    while [ $i -gt 0 ]; do echo "take$i();"; i=$((i - 1)); done
    echo 'return 0; }'
  } >"$dir/probe.c"
  $MPICC -std=c11 -D_GNU_SOURCE $CFLAGS -o "$dir/probe" "$dir/probe.c" $LIBS >"$dir/log" 2>&1
}

column() { echo "$table" | awk -F'|' -v c="$1" 'NF && $c != "-" { printf "%s ", $c }'; }

if ! command -v "${MPICC%% *}" >/dev/null 2>&1; then
  echo "error: there is no MPI compiler '$MPICC': install libopenmpi-dev, load a module (openmpi), or give make MPICC=..." >&2
  exit 1
fi
program "$(column 2)" "$(column 3)" && exit 0
if ! program '' ''; then
  echo "error: '$MPICC' does not make even an empty program with these flags:" >&2
  echo "  compile: $CFLAGS" >&2
  echo "  link:    $LIBS" >&2
  head -n 5 "$dir/log" | sed 's/^/      /' >&2
  exit 1
fi

echo "error: a library is missing or of no use to '$MPICC':" >&2
found=0
while IFS='|' read -r name header function package variable module; do
  [ -n "$name" ] || continue
  [ "$header" != - ] || header=
  [ "$function" != - ] || function=
  program "$header" "$function" && continue
  found=1
  case $variable in
    -) how="make CPPFLAGS=-I... (its headers)" ;;
    *_LIBS) how="make ${variable%_LIBS}_CFLAGS=-I... $variable='-L... -l...'" ;;
    *) how="make $variable=NAME (its pkg-config name)" ;;
  esac
  echo "  $name: Debian package $package; or a module ($module); or $how" >&2
  grep -m 1 -E 'error|undefined|cannot find' "$dir/log" | sed -e "s|$dir/||" -e 's/^/      /' >&2
done <<TABLE
$table
TABLE
[ $found = 1 ] || grep -E 'error|undefined|cannot find' "$dir/log" | head -n 5 >&2
echo "  Without pkg-config: make DEP_CFLAGS='-I...' DEP_LIBS='-L... -l...'. On Debian and Ubuntu, tools/install.sh installs all of them." >&2
exit 1
