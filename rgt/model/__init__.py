"""The domain: pure values and decisions. No I/O, no Temporal, no editor."""
