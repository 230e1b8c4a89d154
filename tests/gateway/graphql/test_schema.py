"""The schema as an artefact: conventions that every type keeps."""

import re
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from gateway.schema import print_schema

SCHEMA = build_schema(print_schema())


def test_the_committed_file_is_what_the_code_prints() -> None:
    """schema.graphql is generated: `make schema` writes it."""
    assert (Path(__file__).parents[3] / "schema.graphql").read_text() == print_schema()


def test_everything_is_described() -> None:
    """Every type, field, argument, input field and enum value says what it is, in a sentence or a phrase with an end."""
    missing = []

    def look(name: str, described: object) -> None:
        if not (getattr(described, "description", None) or "").strip():
            missing.append(name)

    for name, type in SCHEMA.type_map.items():
        if is_introspection_type(type) or is_specified_scalar_type(type):
            continue
        look(name, type)
        if isinstance(type, GraphQLEnumType):
            for value, definition in type.values.items():
                look(f"{name}.{value}", definition)
        if isinstance(type, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, definition in type.fields.items():
                look(f"{name}.{field}", definition)
                for argument, given in getattr(definition, "args", {}).items():
                    look(f"{name}.{field}({argument})", given)

    assert missing == []


def test_mutations_follow_one_pattern() -> None:
    """verbNoun(input: VerbNounInput!): VerbNounPayload!, a union of its success and refusals that are all UserErrors."""
    assert SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        noun = name[0].upper() + name[1:]
        assert re.fullmatch(r"[a-z]+[A-Z]\w+", name)
        assert [(argument, str(given.type)) for argument, given in field.args.items()] == [("input", f"{noun}Input!")]
        assert isinstance(field.type, GraphQLNonNull)
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLUnionType)
        assert payload.name == f"{noun}Payload"
        members = {member.name: [interface.name for interface in member.interfaces] for member in payload.types}
        assert f"{noun}Success" in members
        assert all("UserError" in interfaces for member, interfaces in members.items() if member != f"{noun}Success")


def test_what_starts_a_job_is_idempotent() -> None:
    """Every success with `replayed` belongs to an input with a key."""
    for name, type in SCHEMA.type_map.items():
        if isinstance(type, GraphQLObjectType) and "replayed" in type.fields:
            asked = SCHEMA.type_map[name.replace("Success", "Input")]
            assert isinstance(asked, GraphQLInputObjectType)
            assert str(asked.fields["idempotencyKey"].type) == "ID!"
            assert {"job", "run"} <= set(type.fields)
