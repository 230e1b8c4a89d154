"""APIs and their releases."""

from gateway.graphql.apis.mutations import ApiMutation
from gateway.graphql.apis.queries import ApiQuery
from gateway.graphql.apis.types import find_api
from gateway.graphql.nouns import Noun

NOUN = Noun(query=ApiQuery, mutation=ApiMutation, finders={"Api": find_api})
