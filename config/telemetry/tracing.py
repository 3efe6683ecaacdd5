"""Traces of requests, statements, calls to outside services and tasks, sent to a collector over OTLP.

OTEL_EXPORTER_OTLP_ENDPOINT (http://collector:4318) switches them on; OpenTelemetry's other variables apply too. Without
it none of this is imported (redis-py looks for OpenTelemetry's metrics on its own). Spans are sent in the background,
in batches that are dropped if the collector does not accept them: no request waits for it. They carry names, never
values: no URL, no parameter, no error message.

The spans are few and our own, as OpenTelemetry's instrumentations of Django, psycopg and Celery are still pre-releases.
They sit where the shop is measured anyway.
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
    """Trace the block; yields None if tracing is off. `parent` is the result of `headers` in another process.

    An exception that leaves the block marks the span as failed, by its type only.
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
    """Mark the span as failed."""
    if current is not None:
        current.set_status(StatusCode.ERROR)
        current.set_attribute("error.type", reason)


def headers() -> dict[str, str]:
    """The headers that carry the current trace to another process; empty if there is none."""
    context: dict[str, str] = {}
    if ON:
        propagate.inject(context)
    return context


@functools.cache
def _tracer() -> "Tracer":
    """Created lazily in each process: the exporter runs in a thread, which does not survive a fork."""
    os.environ.setdefault("OTEL_SERVICE_NAME", "esteira")
    provider = TracerProvider(resource=Resource.create({"service.version": os.environ.get("RELEASE", "")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("esteira")
