"""Robot descriptions and drivers.

This package only reserves its name and place so far. The descriptions (units, limits, rates, frames) and the
drivers (simulated, ROS 2, replay) come with the work on real robots; nothing here can be used yet.
"""
