"""Lives: one stream that never ends, with a body that changes unannounced."""
