"""The daemon: Temporal workflows and activities, the gateway socket, the watcher of agents, the change feed."""
