"""Tests; mirrors the packages. tests/oracles/ holds plain, slow, obviously right versions of the mathematics."""
