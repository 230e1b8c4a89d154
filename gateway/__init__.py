"""The face: GraphQL, the published APIs and health, on aiohttp."""
