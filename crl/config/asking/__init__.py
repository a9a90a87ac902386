"""What a user writes: overrides, requests and old names, and how they become settings."""
