"""Adapters to this machine: git, tmux, processes, agent runtimes, gates, the embedded Temporal server."""
