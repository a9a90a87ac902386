"""What keeps a network able to learn, beside any retention."""
