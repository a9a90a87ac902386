"""A run in MLflow (``callbacks=[mlflow]``, ``pip install "crl[mlflow]"``).

It goes where MLflow's own ``MLFLOW_TRACKING_URI`` says, else into ``mlflow.db`` (SQLite) in the folder of runs; the
experiment is ``MLFLOW_EXPERIMENT_NAME`` or the task sequence. A resumed run goes on as the same run of MLflow, which it
finds by its folder; lines that were lost with a kill and are learned again appear twice at their steps.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from crl.training.callbacks.base import RunStart, figures, flat_settings, numbers

MARK = "crl.mark"
"""Tag by which a resumed run is found: made of its folder."""
PENDING = 200
"""Numbers that are sent at a time."""
_LONGEST = 500


class MLflowCallback:
    """Sends settings, lines and results to MLflow."""

    def __init__(self) -> None:
        self._client: MlflowClient | None = None
        self._run = ""
        self._pending: list[Metric] = []

    def begin(self, run: RunStart) -> None:
        """Find or make the run."""
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run.folder.resolve().parent / 'mlflow.db'}"
        self._client = client = MlflowClient(tracking_uri=uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or str(run.settings["env"]["name"])
        experiment = client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment is not None else client.create_experiment(name)
        folder = str(run.folder.resolve())
        mark = hashlib.sha256(folder.encode()).hexdigest()[:16]  # MLflow's filters can't quote every path
        found = client.search_runs([number], f"tags.`{MARK}` = '{mark}'") if run.resumed else []
        if found:
            self._run = found[0].info.run_id
            client.set_terminated(self._run, status="RUNNING")
            return
        tags = {MARK: mark, "crl.folder": folder, "mlflow.runName": run.folder.name, "crl.method": run.method}
        self._run = client.create_run(number, tags=tags).info.run_id
        params = [Param(key, str(value)[:_LONGEST]) for key, value in flat_settings(run.settings).items()]
        for start in range(0, len(params), 100):  # the most that MLflow takes at a time
            client.log_batch(self._run, params=params[start : start + 100])

    def record(self, line: Mapping[str, Any]) -> None:
        """Keep the numbers of a line until there are enough to send."""
        now = int(time.time() * 1000)
        self._pending += [Metric(key, value, now, int(line["step"])) for key, value in numbers(line).items()]
        if len(self._pending) >= PENDING:
            self._send()

    def end(self, results: Mapping[str, Any] | None) -> None:
        """Send what is left, and the results."""
        if self._client is None:
            return
        if results is not None:
            now, step = int(time.time() * 1000), int(results.get("env_steps") or 0)
            self._pending += [Metric(f"results/{key}", value, now, step) for key, value in figures(results).items()]
            tags = [RunTag(f"crl.{key}", str(results.get(key))) for key in ("version", "commit", "fingerprint")]
            self._client.log_batch(self._run, tags=tags)
        self._send()
        self._client.set_terminated(self._run, status="FINISHED" if results is not None else "KILLED")

    def _send(self) -> None:
        waiting, self._pending = self._pending, []
        if self._client is not None and waiting:
            for start in range(0, len(waiting), 1000):  # the most that MLflow takes at a time
                self._client.log_batch(self._run, metrics=waiting[start : start + 1000])
