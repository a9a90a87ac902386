"""HyperCRL whose regulariser is weighted by the Fisher information of the generated weights (Huang et al. 2021)."""

from __future__ import annotations

from crl.config.components import STRATEGIES
from crl.continual.fisher import diagonal_fisher
from crl.continual.hypercrl_weighted import WeightedHyperCRL
from crl.dynamics.windows import Windows


class HyperCRLEWC(WeightedHyperCRL):
    """Holds those generated weights that the task's predictions depend on."""

    SETTINGS = STRATEGIES["hypercrl_ewc"]

    def end_task(self, rows: Windows) -> None:
        """Measure the Fisher information on some of the task's transitions."""
        super().end_task(rows)
        inputs = self.judge.inputs(self.task, rows.choose(self.config.continual.fisher_rows, self.generator))
        self.keep_importance(diagonal_fisher(self.network, self.weights(self.task), inputs, self.generator))
