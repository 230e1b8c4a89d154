"""Telling people something: what an administrator or a service has to say, and the try of a channel."""

from typing import Annotated

import strawberry
from strawberry import field

from domain.notifications import telling
from gateway.context import Info
from gateway.errors import Refusal
from gateway.graphql.inputs import KEY, In
from gateway.graphql.jobs.types import Job, Started


@strawberry.input(description="What to tell, and whom.")
class NotifyPeopleInput:
    """Input of notifyPeople."""

    title: str = field(description="In a line: the subject of a mail.")
    text: str = field(default="", description="In as many lines as it takes, 4000 characters at most.")
    link: str = field(default="", description="Where there is more, below the gateway's address.")
    channels: list[str] = field(
        default_factory=list, description="The channels, by name; none: all that tell notices, and the administrators' inbox."
    )
    idempotency_key: strawberry.ID = field(description=KEY)


@strawberry.type(description="It is told; the job says by which channels.")
class NotifyPeopleSuccess(Started):
    """Success of notifyPeople."""


NotifyPeoplePayload = Annotated[
    NotifyPeopleSuccess | Refusal, strawberry.union("NotifyPeoplePayload", description="What notifyPeople answers.")
]


@strawberry.input(description="Which channel to try.")
class TestChannelInput:
    """Input of testChannel."""

    name: str = field(description="The channel.")


@strawberry.type(description="A notice is sent by the channel; the job ends when it was handed to it.")
class TestChannelSuccess:
    """Success of testChannel."""

    job: Job = field(description="The job that sends it.")


TestChannelPayload = Annotated[
    TestChannelSuccess | Refusal, strawberry.union("TestChannelPayload", description="What testChannel answers.")
]


@strawberry.type
class NotifyMutation:
    """Telling people something."""

    @strawberry.mutation(description="Tell people something, by their channels.")
    async def notify_people(self, info: Info, input: In[NotifyPeopleInput]) -> NotifyPeoplePayload:
        """As IPP's /notifications/notify was meant."""
        started = await telling.notify(
            info.context.hub,
            input.title,
            input.text,
            input.link,
            tuple(input.channels),
            asked_by=info.context.caller.actor,
            key=input.idempotency_key,
        )
        return NotifyPeopleSuccess.of(started)

    @strawberry.mutation(description="Try a channel: a notice is sent by it at once.")
    async def test_channel(self, info: Info, input: In[TestChannelInput]) -> TestChannelPayload:
        """Whatever it tells otherwise, and however it collects."""
        asked = await telling.test(info.context.hub, input.name, asked_by=info.context.caller.actor)
        return TestChannelSuccess(job=Job.of(asked.job))
