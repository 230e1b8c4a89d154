"""The job engine: how a job is asked for, claimed, done, ended and never lost (docs/protocol.md). It knows no noun."""
