"""Dead letters over GraphQL."""

from domain.hub import Hub
from domain.jobs.dead_letters import DEAD_LETTERS, Letter
from tests.gateway.conftest import Client

PAGE = """query ($after: String) { deadLetters(first: 2, after: $after) {
  nodes { id queue reason body createdAt } pageInfo { hasNextPage endCursor } } }"""


async def test_dead_letters_are_listed(client: Client, hub: Hub) -> None:
    """Newest first, page by page, with queue, reason and text; `node` finds each again."""
    for number in range(3):
        letter = Letter(queue="upload", body=f"no json {number}", reason="malformed", created_at=float(number))
        await DEAD_LETTERS.insert(hub.records, str(number), letter)

    first = (await client.ask(PAGE))["deadLetters"]
    second = (await client.ask(PAGE, after=first["pageInfo"]["endCursor"]))["deadLetters"]

    assert [letter["body"] for letter in first["nodes"]] == ["no json 2", "no json 1"]
    assert first["pageInfo"]["hasNextPage"]
    [last] = second["nodes"]
    assert (last["queue"], last["reason"], last["body"]) == ("upload", "malformed", "no json 0")
    assert last["createdAt"].startswith("1970-01-01T00:00:00")
    assert not second["pageInfo"]["hasNextPage"]
    same = await client.ask("query ($id: ID!) { node(id: $id) { ... on DeadLetter { body } } }", id=last["id"])
    assert same == {"node": {"body": "no json 0"}}
