"""Data and training pipeline for EV charging at the Iquitos mall; this package knows nothing of Prefect."""

import os

__version__ = "0.1.0"

# Threads of OpenMP spin while they wait, and on a machine that does other work they spin on each other: a batch of the
# twin falls to a hundredth of its speed. So many turns and then sleep keeps all of it alone and a part of it beside
# others (docs/simulators.md). It is read when OpenMP is loaded, so it stands before any other import.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
