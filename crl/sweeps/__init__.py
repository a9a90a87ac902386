"""Sweeps: many runs from one command, on this machine, on Ray or on Slurm, resumable at any moment.

A sweep is a folder (:mod:`crl.sweeps.folder`). Its points are ordinary runs; each is done by a process of its own
(:mod:`crl.sweeps.launchers.worker`), which alone decides whether there is anything left to do. Launchers only start
and watch such processes, so that whatever dies may be started again. ``docs/how-to/sweeps.md`` describes the use, and
``docs/decisions/012-sweeps.md`` says why it is made so.
"""
