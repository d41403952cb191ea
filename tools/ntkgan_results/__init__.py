"""Reading what ntkgan writes.

    from ntkgan_results import open_study
    study = open_study("results/eight-gaussians")
    study.runs                                  # pandas table: one row a run
    study.metrics["sinkhorn"]                   # xarray: run x iteration
    study.run("ipm/relu").trajectory[-1]        # xarray: particle x coordinate

Works while the study runs: index.h5 is replaced as a whole, so what is read is a consistent state; `study.reload()` reads the next one.
"""

from .study import Run, Study, StudyError, open_study

__all__ = ["Run", "Study", "StudyError", "open_study"]
