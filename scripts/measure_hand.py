"""What must a model read to predict the hand of Continual World? Fits of random episodes of ``window-close``.

A network of the size of ``env=cw10`` predicts the hand's next step, from the observation as it is and from other
ways to say the same or more. Errors are of new episodes, over the root mean square of a step. Needs ``metaworld``.

usage: python scripts/measure_hand.py [--episodes 20] [--gradient-steps 3000] [--seed 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from crl.noise import coloured_noise
from crl_envs.continual_world import EPISODE_STEPS, ContinualWorldEnv

Rows = NDArray[np.float64]
NOW, CHANGE, REST = slice(0, 18), slice(18, 36), slice(36, 40)
"""Where the observation has the present, its change in the last step, and goal and success."""
PAST = 3
"""Earlier actions that one of the inputs has."""


def collect(episodes: int, seed: int) -> tuple[Mapping[str, Rows], Rows]:
    """Inputs by name, each [N, ...], and the hand's next steps [N, 3] (m), of episodes of smooth random actions."""
    env, random = ContinualWorldEnv(task="window-close"), np.random.default_rng(seed)
    seen, done, past, ahead, moved = [], [], [], [], []
    for _ in range(episodes):
        observation, _ = env.reset(seed=int(random.integers(2**31)))
        actions = np.clip(0.7 * coloured_noise(1.0, EPISODE_STEPS, 4, random), -1, 1).astype(np.float32)
        earlier = np.concatenate([np.zeros((PAST, 4)), actions])
        for step, action in enumerate(actions):
            seen.append(observation)
            done.append(action)
            past.append(earlier[step : step + PAST].reshape(-1))
            ahead.append(env.world.data.mocap_pos[0] - observation[:3])
            after, *_ = env.step(action)
            moved.append((after - observation)[:3])
            observation = after
    env.close()
    state, action, history, pull = (np.asarray(rows, np.float64) for rows in (seen, done, past, ahead))
    differences = np.concatenate([state, action], axis=1)
    before = np.concatenate([state[:, NOW], state[:, NOW] - state[:, CHANGE], state[:, REST], action], axis=1)
    inputs = {
        "Meta-World's observation, with the values one step before": before,
        "changes in place of the values before": differences,
        "these, and three earlier actions": np.concatenate([differences, history], axis=1),
        "these, and the way from the hand to the body that pulls it": np.concatenate([differences, pull], axis=1),
    }
    return inputs, np.asarray(moved, np.float64)


def fitted(rows: Rows, moved: Rows, steps: int, seed: int) -> torch.nn.Sequential:
    """A network that maps normalised inputs to normalised steps."""
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        *(torch.nn.Linear(rows.shape[1], 200), torch.nn.SiLU(), torch.nn.Linear(200, 200), torch.nn.SiLU()),
        torch.nn.Linear(200, moved.shape[1]),
    )
    x, y = (torch.tensor(values, dtype=torch.float32) for values in (rows, moved))
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(steps):
        drawn = torch.randint(len(x), (256,))
        loss = (network(x[drawn]) - y[drawn]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network


def main() -> None:
    """Fit every input, and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--gradient-steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    inputs, moved = collect(chosen.episodes, chosen.seed)
    new_inputs, new_moved = collect(3, chosen.seed + 1)
    spread = moved.std(axis=0)
    for name, rows in inputs.items():
        mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-3)
        network = fitted((rows - mean) / deviation, moved / spread, chosen.gradient_steps, chosen.seed)
        errors = []
        for there, truth in ((rows, moved), (new_inputs[name], new_moved)):
            with torch.no_grad():
                found = network(torch.tensor((there - mean) / deviation, dtype=torch.float32)).double().numpy() * spread
            errors.append(np.sqrt(np.square(found - truth).mean() / np.square(truth).mean()))
        print(f"{name}: {errors[0]:.3f} on learned episodes, {errors[1]:.3f} on new ones", flush=True)


if __name__ == "__main__":
    main()
