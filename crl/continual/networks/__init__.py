"""The target network as strategies look at it: where its connections are, and what its layers read."""
