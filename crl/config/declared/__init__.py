"""What components declare: which settings they read, which kind of agent they make."""
