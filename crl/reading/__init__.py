"""Reading what somebody else may have written or damaged: plain files only, of bounded size, depth and time."""
