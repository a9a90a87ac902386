"""A process that works beside this one at a lower priority: it is started and ended here, and sent what it needs."""
