"""What is measured: metrics of reward matrices and learning curves, and of the agent."""
