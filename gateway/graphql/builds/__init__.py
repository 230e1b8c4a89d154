"""Builds: which parts are merged, and what was made."""

from gateway.graphql.builds.mutations import BuildMutation
from gateway.graphql.builds.queries import BuildQuery
from gateway.graphql.builds.types import find_build
from gateway.graphql.nouns import Noun

NOUN = Noun(query=BuildQuery, mutation=BuildMutation, finders={"Build": find_build})
