"""Everything that asks the town: one typed call per operation over two transports."""
