"""What an agent learns: one dynamics model per task, whose weights a retention strategy makes."""
