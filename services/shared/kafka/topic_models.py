"""Looks up the model class of a topic's values, as `schemas/topics.toml` names it."""

import importlib

from schemas.base import Model
from services.shared.kafka.topics import Topic


def model_of(topic: Topic) -> type[Model]:
    """Return the model class of a topic's values.

    Raises:
        ValueError: the topic is foreign, so it has no model.
        TypeError: the configured name is not that of a model class.

    """
    module, _, name = (topic.model or "").partition(":")
    if not name:
        raise ValueError(f"the topic {topic.title!r} has no model: set `model` to module:Class in schemas/topics.toml")
    model: object = getattr(importlib.import_module(module), name)
    if not isinstance(model, type) or not issubclass(model, Model):
        raise TypeError(f"{topic.model} is not a model: name a subclass of schemas.base.Model in schemas/topics.toml")
    return model
