"""The wall in front of every actuator, simulated or real.

Simulated loops send commands through :class:`~crl.safety.command_filter.CommandFilter`. Robots send them through
:class:`~crl.safety.wall.SafetyWall`, which has the same filter inside, and rate limits, fence, watchdogs and e-stop.
"""
