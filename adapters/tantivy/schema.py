"""The tantivy schema of a mapping, and the analyzers that it names."""

from typing import Final

import tantivy
from tantivy import Filter, SchemaBuilder, TextAnalyzerBuilder, Tokenizer

from domain.query.mappings import Field
from domain.query.plan import Fields

FORMAT: Final = 2
"""Raised when an index is made of something else than before: since 2, floats are whole numbers."""
READABLE: Final = (1, 2)
"""The formats that are read."""
ID: Final = "_id"
RANK: Final = "#rank"
"""Position in the order of `_id`."""
PATHS: Final = "#paths"
"""The texts that a document has; tantivy knows it of all fields but these."""
EXACT, FOLDED, SPACED = "exact", "folded", "spaced"


def least(path: str) -> str:
    """The hidden field of a document's smallest value, where it has several."""
    return f"#min#{path}"


def largest(path: str) -> str:
    """The hidden field of a document's largest value, where it has several."""
    return f"#max#{path}"


def name_of(path: str) -> str:
    """The name of a path's field: itself, but that tantivy allows no `-` at its start, and `#` there is ours."""
    return f"#path#{path}" if path.startswith(("-", "#")) else path


def build_schema(fields: Fields) -> tantivy.Schema:
    """The schema; nothing is stored but `_id`."""
    builder = SchemaBuilder()
    builder.add_text_field(ID, stored=True, tokenizer_name=EXACT, index_option="basic")
    builder.add_unsigned_field(RANK, indexed=True, fast=True)
    builder.add_text_field(PATHS, tokenizer_name=EXACT, index_option="basic")
    if fields.searched_by_default:
        builder.add_text_field("all", tokenizer_name=SPACED, index_option="position")
    for field in fields.indexed.values():
        for name in (name_of(field.path), least(field.path), largest(field.path)):
            _add(builder, field, name)
            if field.type == "text":
                break
    return builder.build()


def _add(builder: SchemaBuilder, field: Field, name: str) -> None:
    if field.type == "text":
        analyzer = FOLDED if field.analyzer == "string_lowercase" else SPACED
        builder.add_text_field(name, tokenizer_name=analyzer, index_option="position")
    elif field.type == "keyword":
        analyzer = EXACT if field.case_sensitive else FOLDED
        builder.add_text_field(name, fast=True, tokenizer_name=analyzer, index_option="basic")
    else:
        builder.add_integer_field(name, indexed=True, fast=True)


def open_index(path: str, schema: tantivy.Schema | None = None) -> tantivy.Index:
    """The index in a folder, with its analyzers; made there where a schema is given."""
    index = tantivy.Index(schema, path=path, reuse=False) if schema else tantivy.Index.open(path)
    raw, cut = TextAnalyzerBuilder(Tokenizer.raw()), TextAnalyzerBuilder(Tokenizer.whitespace())
    analyzers = {
        EXACT: raw.build(),
        FOLDED: TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.lowercase()).build(),
        SPACED: cut.filter(Filter.lowercase()).build(),
    }
    for name, analyzer in analyzers.items():
        index.register_tokenizer(name, analyzer)
        index.register_fast_field_tokenizer(name, analyzer)
    return index
