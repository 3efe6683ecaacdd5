"""Traces: requests, statements, calls of outside services and tasks, sent to a collector over OTLP.

OTEL_EXPORTER_OTLP_ENDPOINT (http://collector:4318) switches them on; OpenTelemetry's other variables hold too. Without
it none of this is imported (redis-py looks for OpenTelemetry's metrics by itself). Spans leave in the background, in
batches that are dropped where the collector does not take them: nobody waits for it. They carry names, never values: no
address, no parameter, no text of an error.

The spans are few and our own, since OpenTelemetry's instrumentations of Django, psycopg and Celery are pre-releases
still; they stand where the shop measures itself anyway.
"""

import functools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

ON = bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))

if ON or TYPE_CHECKING:
    from opentelemetry import propagate
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

Kind = Literal["server", "client", "consumer"]


@contextmanager
def span(kind: Kind, name: str, parent: Mapping[str, str] | None = None, **facts: str) -> Iterator["Span | None"]:
    """Trace what is done inside; None where nothing is traced. `parent` is what `headers` gave in another process.

    An error that leaves the block marks the span, by its type alone.
    """
    if not ON:
        yield None
        return
    context = propagate.extract(parent) if parent is not None else None
    attributes = {key.replace("_", "."): fact for key, fact in facts.items()}
    with _tracer().start_as_current_span(
        name, context, SpanKind[kind.upper()], attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            fail(current, type(error).__name__)
            raise


def fail(current: "Span | None", reason: str) -> None:
    """Mark the span as one that went wrong."""
    if current is not None:
        current.set_status(StatusCode.ERROR)
        current.set_attribute("error.type", reason)


def headers() -> dict[str, str]:
    """What carries the trace under way to another process; empty where there is none."""
    carried: dict[str, str] = {}
    if ON:
        propagate.inject(carried)
    return carried


@functools.cache
def _tracer() -> "Tracer":
    """Made by the process that traces: its sender is a thread, which a fork would leave behind."""
    os.environ.setdefault("OTEL_SERVICE_NAME", "esteira")
    provider = TracerProvider(resource=Resource.create({"service.version": os.environ.get("RELEASE", "")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("esteira")
