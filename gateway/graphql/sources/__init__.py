"""Sources: data plugins, what they made, and the mapping of what they yield."""

from gateway.graphql.nouns import Noun
from gateway.graphql.sources.mutations import SourceMutation
from gateway.graphql.sources.queries import SourceQuery
from gateway.graphql.sources.types import find_source

NOUN = Noun(query=SourceQuery, mutation=SourceMutation, finders={"Source": find_source})
