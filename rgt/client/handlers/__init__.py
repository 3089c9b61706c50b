"""How each operation is carried out: one module per group of operations."""
