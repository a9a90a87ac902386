"""Commands that look at a machine, an environment or a run and say what they find."""
