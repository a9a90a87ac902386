"""A memory that is learned in another process, at a lower priority, while this one decides."""
