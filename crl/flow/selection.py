"""Stepwise selection of the parameters of a linear fit: as few as the data ask for.

Bayesian linear regression with unit noise and a Gaussian prior around zero for every parameter that is in; the others
are zero. In comes, one at a time, what raises the posterior density the most, out goes what is not missed, until
nothing is worth its price any more (forward-backward stepwise regression under a Bayesian information criterion,
Schwarz 1978). Of several explanations alike the simplest wins, where ridge regression would mix them all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def select(gram: Floats, right: Floats, variance: Floats, price: Floats) -> tuple[Floats, Floats]:
    """Parameters [P] of a fit, zero where they are out, and their posterior variances [P] (the prior's where out).

    Args:
        gram: X^T X, [P, P].
        right: X^T y, [P].
        variance: Variances of the prior, [P].
        price: Gain in log density from which a parameter is worth having, [P].
    """
    size = len(right)
    chosen: list[int] = []
    mean, covariance = np.zeros(0), np.zeros((0, 0))
    for _ in range(4 * size):
        into = gram[:, chosen]
        rest = right - into @ mean
        spread = gram.diagonal() - np.einsum("ij,jk,ik->i", into, covariance, into)
        gain = 0.5 * rest**2 / (np.maximum(spread, 0.0) + 1 / variance) - price
        gain[chosen] = -np.inf
        best = int(gain.argmax())
        if not gain[best] > 0:
            break
        chosen.append(best)
        mean, covariance = _posterior(gram, right, variance, chosen)
        while len(chosen) > 1:
            missed = 0.5 * mean**2 / covariance.diagonal() - price[chosen]
            missed[-1] = np.inf  # what has just come in stays
            worst = int(missed.argmin())
            if missed[worst] >= 0:
                break
            del chosen[worst]
            mean, covariance = _posterior(gram, right, variance, chosen)
    found, left = np.zeros(size), variance.copy()
    found[chosen], left[chosen] = mean, covariance.diagonal()
    return found, left


def _posterior(gram: Floats, right: Floats, variance: Floats, chosen: list[int]) -> tuple[Floats, Floats]:
    inside = gram[np.ix_(chosen, chosen)] + np.diag(1 / variance[chosen])
    covariance: Floats = np.asarray(np.linalg.inv(inside), np.float64)
    return covariance @ right[chosen], covariance
