"""Films: pictures of an environment, put together with what is drawn, and written to a file."""
