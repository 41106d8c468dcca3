"""The store of runs, and what stands in while it cannot be reached. This package is the only part that knows MLflow."""

from __future__ import annotations

from genbench.tracking.delivering import Delivered, deliver
from genbench.tracking.log import RunLog, metric_name
from genbench.tracking.store import RunSummary, Store, git_commit

__all__ = ["Delivered", "RunLog", "RunSummary", "Store", "deliver", "git_commit", "metric_name"]
