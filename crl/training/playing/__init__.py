"""Steps, episodes and evaluations: where agent, command filter and environment meet."""
