"""Jobs and runs: what is done, what was done, and what happens meanwhile."""

from gateway.graphql.jobs.events import JobCanceling, JobFinished, JobProduced, JobQueued, JobStarted, JobSubscription
from gateway.graphql.jobs.mutations import JobMutation
from gateway.graphql.jobs.queries import JobQuery
from gateway.graphql.jobs.types import find_job, find_run
from gateway.graphql.nouns import Noun

NOUN = Noun(
    query=JobQuery,
    mutation=JobMutation,
    subscription=JobSubscription,
    types=(JobQueued, JobStarted, JobCanceling, JobFinished, JobProduced),
    finders={"Job": find_job, "Run": find_run},
)
