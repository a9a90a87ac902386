"""Drivers: what stands between the :class:`~crl_robots.robot.Robot` protocol and a body."""
