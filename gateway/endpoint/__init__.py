"""The GraphQL endpoint, and the fence around strawberry: what is private or undocumented of it, and of graphql-core's execution, is
named in here and nowhere else. tests/gateway/endpoint/test_strawberry.py lists all of it, and fails where an upgrade changes it."""
