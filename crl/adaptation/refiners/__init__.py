"""Refiners: what happens to a planned action before it is executed."""
