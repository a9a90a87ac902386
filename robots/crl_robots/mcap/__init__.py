"""The file format MCAP (https://mcap.dev/spec): writing files that survive their writer, and salvaging damaged ones."""
