"""The `rgt` command."""
