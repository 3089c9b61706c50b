"""What workflows have done for them: calls to other workflows, and the hands on this machine."""
