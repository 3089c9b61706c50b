"""Language services for the TOML files of a town, made from their models. Pure: nothing here knows an editor."""
