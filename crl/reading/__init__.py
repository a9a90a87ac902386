"""Reading what somebody else may have written or damaged: plain files of bounded size, depth and time, and states."""
