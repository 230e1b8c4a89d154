"""Traces by OpenTelemetry, an optional requirement."""
