"""Spans by OpenTelemetry, sent over OTLP."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from events.tracing import HEADER, Tracing

PATH = "/v1/traces"
"""Where a collector takes traces over HTTP."""


class OpenTelemetryTracing(Tracing):
    """Over a provider, which it closes. No global one is set: a process may hold several hubs."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("leat")
        self._context = TraceContextTextMapPropagator()

    @classmethod
    def to(cls, url: str, hub: str) -> "OpenTelemetryTracing":
        """To the collector at `url`. Where it does not answer, spans are lost and the log says so: no work waits for it."""
        provider = TracerProvider(resource=Resource.create({"service.name": "leat", "service.namespace": hub}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url.rstrip('/')}{PATH}")))
        return cls(provider)

    @contextmanager
    def span(self, name: str, parent: str = "", **about: str | int) -> Iterator[None]:
        above = self._context.extract({HEADER: parent}) if parent else None
        attributes = {f"leat.{key}": value for key, value in about.items()}
        with self._tracer.start_as_current_span(name, above, attributes=attributes):
            yield

    def carried(self) -> str:
        if not trace.get_current_span().get_span_context().is_valid:
            return ""
        carrier: dict[str, str] = {}
        self._context.inject(carrier)
        return carrier.get(HEADER, "")

    def close(self) -> None:
        self._provider.shutdown()
