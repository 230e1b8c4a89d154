"""Schedules: runs that start by the clock."""

from gateway.graphql.nouns import Noun
from gateway.graphql.schedules.mutations import ScheduleMutation
from gateway.graphql.schedules.queries import ScheduleQuery
from gateway.graphql.schedules.types import find_schedule

NOUN = Noun(query=ScheduleQuery, mutation=ScheduleMutation, finders={"Schedule": find_schedule})
