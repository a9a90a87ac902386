"""What is kept of finished tasks, and how it is learned again."""
