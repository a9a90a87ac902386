"""Retention strategies: one per file, behind one small protocol."""
