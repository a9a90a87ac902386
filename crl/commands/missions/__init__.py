"""Commands for missions: flights, confirmations, flows and deployments."""
