"""Stepwise selection of the parameters of a linear fit: as few as the data ask for.

Bayesian linear regression with unit noise and a Gaussian prior around zero for every parameter in the model. The other
parameters are zero. Each round adds the parameter that raises the posterior density the most, and removes parameters
whose loss costs less than their penalty. It ends when no parameter gains more than its penalty (forward-backward
stepwise regression under a Bayesian information criterion, Schwarz 1978). Among equal explanations the simplest wins;
ridge regression would mix them all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def select(gram: Floats, right: Floats, variance: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    """Parameters [P] of a fit, zero where not selected, and their variances [P], the prior's where not selected.

    Args:
        gram: X^T X, [P, P].
        right: X^T y, [P].
        variance: Variances of the prior, [P].
        penalty: Least gain in log density for which a parameter is added, [P].
    """
    size = len(right)
    chosen: list[int] = []
    mean, covariance = np.zeros(0), np.zeros((0, 0))
    for _ in range(4 * size):
        into = gram[:, chosen]
        rest = right - into @ mean
        spread = gram.diagonal() - np.einsum("ij,jk,ik->i", into, covariance, into)
        gain = 0.5 * rest**2 / (np.maximum(spread, 0.0) + 1 / variance) - penalty
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        if not gain[best] > 0:
            break
        chosen.append(best)
        mean, covariance = _posterior(gram, right, variance, chosen)
        while len(chosen) > 1:
            missed = 0.5 * mean**2 / covariance.diagonal() - penalty[chosen]
            missed[-1] = np.inf  # the newest parameter stays
            worst = int(missed.argmin())
            if missed[worst] >= 0:
                break
            del chosen[worst]
            mean, covariance = _posterior(gram, right, variance, chosen)
    found, uncertain = np.zeros(size), variance.copy()
    found[chosen], uncertain[chosen] = mean, covariance.diagonal()
    return found, uncertain


def _posterior(gram: Floats, right: Floats, variance: Floats, chosen: list[int]) -> tuple[Floats, Floats]:
    inside = gram[np.ix_(chosen, chosen)] + np.diag(1 / variance[chosen])
    covariance: Floats = np.asarray(np.linalg.inv(inside), np.float64)
    return covariance @ right[chosen], covariance
