"""The wall in front of every actuator, simulated or real."""
