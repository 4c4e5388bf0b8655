"""docs/reference/metrics.md: every Prometheus metric, from the metrics classes of the services."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from deploy.local.plan import SERVICES
from deploy.tools.checkout import PROJECT
from deploy.tools.reference import markdown
from services.shared.observability import metrics as shared

INTRODUCTION = """\
Every service answers `/metrics` at `DUBAN_OPERATIONS_HOST` and `DUBAN_OPERATIONS_PORT`, in the text format of
Prometheus. A histogram has the series `_bucket`, `_sum` and `_count`. The metrics of the client library about the
process itself (`process_*`, `python_*`) are there too."""


@dataclass(frozen=True)
class MetricDescription:
    """One metric, as the page prints it."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


def page() -> str:
    """Return the page."""
    sections = []
    for title, found in by_service().items():
        rows = [
            (markdown.code(each.name), each.type, ", ".join(map(markdown.code, each.labels)), markdown.prose(each.help))
            for each in found
        ]
        sections += [f"## {title}", markdown.table(("metric", "type", "labels", "what it counts or measures"), rows)]
    return markdown.page(
        "Metrics",
        markdown.paragraph(INTRODUCTION),
        *sections,
    )


def by_service() -> dict[str, list[MetricDescription]]:
    """Return the metrics of every service that reads topics, then those of each service alone."""
    sections = {"Every service that reads topics": list(_metrics(shared))}
    for service in SERVICES:
        if (PROJECT / "services" / service / "metrics.py").exists():
            sections[service] = list(_metrics(importlib.import_module(f"services.{service}.metrics")))
    return sections


def _metrics(module: ModuleType) -> Iterator[MetricDescription]:
    """Make every metrics class of a module on a registry of its own and describe what it registered."""
    for class_ in vars(module).values():
        if not inspect.isclass(class_) or class_.__module__ != module.__name__:
            continue
        make: Callable[..., Any] = class_
        arguments = {name: name for name in inspect.signature(make).parameters if name != "registry"}
        made = make(**arguments, registry=CollectorRegistry())
        for metric in vars(made).values():
            if isinstance(metric, MetricWrapperBase):
                (family,) = metric.describe()
                yield MetricDescription(
                    f"{family.name}_total" if family.type == "counter" else family.name,
                    family.type,
                    tuple(metric._labelnames),  # noqa: SLF001 - the client has no public way to ask for them
                    family.documentation,
                )
