"""The base of every model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A model whose validator is built when it is first used: of a hundred that a process imports it needs a dozen."""

    model_config = ConfigDict(defer_build=True)


def build(root: type[Model] = Model) -> None:
    """Build all models that are imported, for a process that others are forked from."""
    for model in root.__subclasses__():
        model.model_rebuild()
        build(model)
