"""The DeepMind Control Suite (Tassa et al. 2018, arXiv 1801.00690) on a current MuJoCo, by ids of Gymnasium.

Bodies and rewards come from dm_control; shimmy registers them with Gymnasium as ``dm_control/cartpole-balance-v0`` and
so on. Both come with the extra ``dmc``.
"""

from __future__ import annotations

import gymnasium
import mujoco

STRUCTURES = {"mjmodel": mujoco.MjModel, "mjdata": mujoco.MjData}
"""MuJoCo's structures, by the names that dm_control has for them."""


def register() -> None:
    """Register the suite, and let it run on the MuJoCo that is installed; a second call changes nothing.

    dm_control 1.0.50 has a list of all arrays of MuJoCo's structures, and reads each when it makes a body. MuJoCo 4.0.0
    has dropped nine of them, all of flexible bodies, which the suite does not have. They leave the list here.

    Raises:
        ModuleNotFoundError: The extra is not installed.
    """
    # Not above: the entry point must load without the extra, or `crl doctor` calls the installation broken.
    from dm_control.mujoco.wrapper.mjbindings import sizes
    from shimmy.registration import register_gymnasium_envs

    for name, structure in STRUCTURES.items():
        for dropped in sizes.array_sizes[name].keys() - set(dir(structure)):
            del sizes.array_sizes[name][dropped]
    if "dm_control/compatibility-env-v0" not in gymnasium.registry:  # importing shimmy is enough, as a rule
        register_gymnasium_envs()
