#!/bin/sh
# Installs the Debian packages of some sections of tools/packages.txt, when one is missing and only then.
# usage: tools/install.sh [SECTION]...          default: build test tools
# Exit status 1 when something is missing and may not be installed here.
set -eu

sections=${*:-build test tools}
list=$(dirname "$0")/packages.txt

# Names of the packages in the given sections, one a line.
wanted() {
  awk -v sections="$sections" '
    BEGIN { n = split(sections, s, " "); for (i = 1; i <= n; i++) take[s[i]] = 1 }
    /^\[/ { name = substr($1, 2, length($1) - 2); next }
    /^#/ || NF == 0 { next }
    take[name] && !seen[$1]++ { print $1 }' "$list"
}

# Those of them that dpkg does not hold as installed.
missing() {
  { dpkg-query -W -f '${Package} ${db:Status-Status}\n' $1 2>/dev/null || true; } |
    awk -v wanted="$1" '
      $2 == "installed" { have[$1] = 1 }
      END { n = split(wanted, w, /[ \n]+/); for (i = 1; i <= n; i++) if (w[i] != "" && !have[w[i]]) print w[i] }'
}

refuse() {
  {
    echo "install: $1"
    [ -z "${absent:-}" ] || printf 'install: missing: %s\n' "$(echo $absent)"
    echo "install: ask an administrator for these Debian packages, or take the libraries from modules and name them to make:"
    echo "install:   module load gcc openmpi hdf5 scalapack elpa libyaml openblas sundials"
    echo "install:   make MPICC=mpicc HDF5_PC=hdf5 BLAS_PC=openblas       (pkg-config names; \`make info\` shows what was found)"
    echo "install:   make DEP_CFLAGS='-I...' DEP_LIBS='-L... -l...'       (without pkg-config)"
  } >&2
  exit 1
}

packages=$(wanted)
if ! command -v dpkg-query >/dev/null 2>&1; then
  # Not a Debian system: whether the libraries are there is for the build to find out.
  echo "install: no dpkg on this system, nothing is installed; the libraries must come from modules or another package manager"
  exit 0
fi

absent=$(missing "$packages")
if [ -z "$absent" ]; then
  echo "install: all $(echo "$packages" | wc -l) packages for $(echo $sections) are there"
  exit 0
fi

command -v apt-get >/dev/null 2>&1 || refuse "packages are missing and there is no apt-get here"
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
  as_root=sudo
else
  refuse "packages are missing and this user may not install them (not root, no sudo)"
fi

printf 'install: installing %s\n' "$(echo $absent)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
  $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@" >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; return 1; }
}
quietly apt-get update -q || echo "install: apt-get update failed, trying with the lists that are there" >&2
quietly apt-get install -q -y --no-install-recommends $absent || refuse "apt-get install failed (its last lines are above)"

absent=$(missing "$packages")
[ -z "$absent" ] || refuse "apt-get install ended well, but packages are missing"
echo "install: done"
