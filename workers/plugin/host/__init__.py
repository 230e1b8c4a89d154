"""What runs inside a plugin's process. It stands alone: Python, orjson, and nothing else of Leat.

The process reads one line of JSON, the request, from stdin, and lives as long as stdin is open. Whatever the plugin prints is the
job's log; results leave by a descriptor of their own in frames (`channel`).
"""
