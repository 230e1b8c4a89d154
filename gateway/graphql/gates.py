"""Release gates as clients see and set them: of builds and of sources alike."""

from typing import Self

import msgspec
import strawberry
from strawberry import UNSET, field

from domain.data import gates
from gateway.graphql.inputs import given
from gateway.scalars import Long


@strawberry.type(description="A field of which another share of documents may be lost.")
class FieldLoss:
    """An entry of domain.data.gates.Gates.field_lost."""

    path: str = field(description="The field.")
    lost: float = field(description="The share, from 0 to 1.")


@strawberry.type(description="A query, and how many documents it must find.")
class Expected:
    """domain.data.gates.Expected."""

    query: str = field(description="The query.")
    least: Long = field(description="How many documents at least.")
    most: Long | None = field(description="How many at most; null for any number.")


@strawberry.type(description="What a release must hold up to before it is served; one that does not is held.")
class Gates:
    """domain.data.gates.Gates."""

    lost: float | None = field(
        description="The share of documents, and of those that have a mapped field, that may be lost; null: as the build says, or "
        "a tenth."
    )
    field_lost: list[FieldLoss] = field(description="Fields of which another share may be lost.")
    fields: list[str] = field(description="Paths that some document must have.")
    ids: list[str] = field(description="Documents that must be there.")
    queries: list[Expected] = field(description="Queries, and how many documents each must find.")
    searchable: bool = field(description="Whether some mapped field must find something.")

    @classmethod
    def of(cls, known: gates.Gates) -> Self:
        """As clients see them."""
        return cls(
            lost=known.lost,
            field_lost=[FieldLoss(path=path, lost=lost) for path, lost in known.field_lost.items()],
            fields=list(known.fields),
            ids=list(known.ids),
            queries=[
                Expected(query=each.query, least=Long(each.least), most=None if each.most is None else Long(each.most))
                for each in known.queries
            ],
            searchable=known.searchable,
        )


@strawberry.input(description="A field of which another share of documents may be lost.")
class FieldLossInput:
    """An entry of domain.data.gates.Gates.field_lost."""

    path: str = field(description="The field.")
    lost: float = field(description="The share, from 0 to 1.")


@strawberry.input(description="A query, and how many documents it must find.")
class ExpectedInput:
    """domain.data.gates.Expected."""

    query: str = field(description="The query.")
    least: Long = field(default=Long(1), description="How many documents at least.")
    most: Long | None = field(default=None, description="How many at most; null for any number.")


@strawberry.input(description="All gates of a build or source: what is left out takes its default again.")
class GatesInput:
    """domain.data.gates.Gates."""

    lost: float | None = field(default=UNSET, description="The share that may be lost, from 0 to 1.")
    field_lost: list[FieldLossInput] | None = field(default=UNSET, description="Fields of which another share may be lost.")
    fields: list[str] | None = field(default=UNSET, description="Paths that some document must have.")
    ids: list[str] | None = field(default=UNSET, description="Documents that must be there.")
    queries: list[ExpectedInput] | None = field(default=UNSET, description="Queries that must find so many documents.")
    searchable: bool | None = field(default=UNSET, description="Whether some mapped field must find something.")


def gates_of(input: GatesInput) -> gates.Gates:
    """The gates that a client gave."""
    values = given(input)
    if "field_lost" in values:
        values["field_lost"] = {each.path: each.lost for each in values["field_lost"]}
    if "queries" in values:
        values["queries"] = tuple(gates.Expected(query=each.query, least=each.least, most=each.most) for each in values["queries"])
    return msgspec.structs.replace(gates.Gates(), **values)
