"""The GraphQL endpoint: what is written around strawberry's own classes, and what an operation may ask for."""
