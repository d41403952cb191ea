#!/bin/sh
# Runs a study, draws it and says where everything is. usage: tools/demo.sh STUDY.yaml DIR     (NTKGAN, PYTHON: commands to use)
set -u
study=$1 results=$2
ntkgan=${NTKGAN:-build/ntkgan} python=${PYTHON:-python3}

echo
echo "$ $ntkgan run $study -o $results --ranks 2"
"$ntkgan" run "$study" -o "$results" --ranks 2
status=$?
case $status in
  0 | 1) ;; # 1: some runs failed, the others can be drawn
  75) echo "demo: stopped with everything saved; the same command goes on from here" >&2; exit 75 ;;
  *) exit $status ;;
esac

echo
echo "$ tools/plot.py $results"
"$python" tools/plot.py "$results" || exit 1

echo
cat "$results/figures/table.txt"
cat <<END

Everything is in $results:
  figures/trajectories.png   generated points over the target at several times
  figures/metrics.png        metrics against generator steps
  figures/spectra.png        spectra of the kernels
  figures/table.{txt,md,tex} final Sinkhorn divergences
  index.h5                   every run with its settings' labels, state and metrics
  runs/<id>.h5               the arrays of one run: trajectory, target, spectrum
To open it in Python:
  import sys; sys.path.insert(0, "tools")
  from ntkgan_results import open_study
  study = open_study("$results")
  print(study.runs, study.metrics["sinkhorn"])
  print(study.run("ipm/relu").trajectory.sel(iteration=0))
END
exit $status
