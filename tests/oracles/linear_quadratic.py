"""The best any planner can do on a linear system with a quadratic cost: Riccati's backward recursion."""

from __future__ import annotations

import numpy as np


def best_cost(
    a: np.ndarray, b: np.ndarray, q: np.ndarray, r: np.ndarray, state: np.ndarray, horizon: int
) -> tuple[float, np.ndarray]:
    """Least sum over the horizon of x_next' Q x_next + u' R u, and the actions [H, A] that reach it."""
    value = np.zeros_like(q)  # cost to go after the last step
    gains = []
    for _ in range(horizon):
        ahead = q + value  # the next state is paid for when it is reached
        gain = np.linalg.solve(r + b.T @ ahead @ b, b.T @ ahead @ a)
        value = a.T @ ahead @ (a - b @ gain)
        gains.append(gain)
    cost, actions, x = 0.0, [], state
    for gain in reversed(gains):
        u = -gain @ x
        x = a @ x + b @ u
        cost += float(x @ q @ x + u @ r @ u)
        actions.append(u)
    return cost, np.array(actions)
