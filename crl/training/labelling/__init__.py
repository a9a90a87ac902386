"""Which label an agent learns an episode under: the one that it is told, or one of its own."""
