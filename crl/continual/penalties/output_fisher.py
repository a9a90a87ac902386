"""HyperCRL's regulariser weighted by the Fisher information of the generated weights (Huang et al. 2021)."""

from __future__ import annotations

from crl.config.declared.components import PARTS
from crl.continual.part import Boundary
from crl.continual.penalties.fisher import diagonal_fisher
from crl.continual.penalties.weighting import Weighting
from crl.dynamics.windows import Windows


class OutputFisher(Weighting):
    """Holds those generated weights that the task's predictions depend on."""

    SETTINGS = PARTS["output_fisher"]
    BOUNDARY = Boundary.ROWS

    def end_task(self, rows: Windows) -> None:
        """Measure the Fisher information on some of the task's transitions."""
        host = self.host
        inputs = host.evaluator.inputs(host.task, rows.choose(self.config.continual.fisher_rows, self.generator))
        self.keep_importance(diagonal_fisher(host.network, host.weights(host.task), inputs, self.generator))
