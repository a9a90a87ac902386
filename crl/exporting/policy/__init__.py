"""A whole decision as one program: from an observation and given noise to an action."""
