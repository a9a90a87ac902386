"""Which regime a body is in: contexts, and who finds them in a window of transitions."""
