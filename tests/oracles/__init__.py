"""Plain, slow, obviously right versions of the mathematics: loops and library calls, nothing shared, nothing clever.

Tests compare the package with these. Nothing here imports from the rooms it judges.
"""
