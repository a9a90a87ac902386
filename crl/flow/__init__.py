"""Action flow matching: which regime the body is in, and which action makes the planned transition happen there."""
