"""The model of a topic's values, by the name that the list of topics gives it."""

import importlib

from schemas.base import Model
from services.shared.kafka.topics import Topic


def model_of(topic: Topic) -> type[Model]:
    """Return the model of a topic of ours.

    Raises:
        ValueError: the topic is foreign.
        TypeError: it names what is no model.

    """
    module, _, name = (topic.model or "").partition(":")
    if not name:
        raise ValueError(f"the topic {topic.title!r} has no model of ours")
    model: object = getattr(importlib.import_module(module), name)
    if not isinstance(model, type) or not issubclass(model, Model):
        raise TypeError(f"{topic.model} is no model")
    return model
