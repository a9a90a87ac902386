"""The figures of a section: from its summary to drawings with their tables."""
