"""Names of the SDK's hub that plugins import."""
