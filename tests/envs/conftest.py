"""Environments first: they tell MuJoCo how to draw without a display, which it asks when it is imported."""

import crl_envs  # noqa: F401
