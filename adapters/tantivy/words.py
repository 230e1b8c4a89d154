"""Cuts texts into words as Elasticsearch's standard analyzer does (Unicode Standard Annex 29)."""

import re

from tantivy import TextAnalyzer, TextAnalyzerBuilder, Tokenizer

_MARKS = r"[\p{M}\p{Cf}]*"
_LETTER = r"[\p{Alphabetic}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Nd}]]" + _MARKS
_DIGIT = r"\p{Nd}" + _MARKS
_RUN = rf"(?:{_LETTER}(?:[.':\u00b7\u2019\u2027]{_LETTER})*|{_DIGIT}(?:[.,;'\u2019]{_DIGIT})*)"
_WORD = "|".join(
    (
        rf"\p{{Pc}}*{_RUN}(?:\p{{Pc}}|{_RUN})*",
        rf"[\p{{Han}}\p{{Hiragana}}]{_MARKS}",
        rf"[\p{{Katakana}}ー]+{_MARKS}",
        r"\p{Emoji_Presentation}(?:\u200d\p{Emoji_Presentation}|[\p{M}\p{Emoji_Modifier}])*",
    )
)
# Between ASCII words. Not between them: `.` and `'` amid two letters or two digits, `:` amid letters, `,` and `;` amid digits, and
# `_` beside letters and digits.
_between_words = re.compile(
    r"[^A-Za-z0-9_.:,;']+"
    r"|(?<![A-Za-z]):|:(?![A-Za-z])"
    r"|(?<![0-9])[,;]|[,;](?![0-9])"
    r"|(?<![A-Za-z0-9])['.]|['.](?![A-Za-z0-9])|(?<=[A-Za-z])['.](?=[0-9])|(?<=[0-9])['.](?=[A-Za-z])"
    r"|(?<![A-Za-z0-9_])_+(?![A-Za-z0-9_])"
).sub


class Words:
    """Splits texts; the rare ones beyond ASCII with a regular expression of Rust's, which knows Unicode's properties."""

    def __init__(self) -> None:
        self._analyzer: TextAnalyzer = TextAnalyzerBuilder(Tokenizer.regex(_WORD)).build()

    def spaced(self, text: str) -> str:
        """The text's words with whitespace between them and nothing else (at its ends, perhaps, whitespace too)."""
        if text.isascii():
            return text if text.replace(" ", "").isalnum() else _between_words(" ", text)
        return " ".join(self._analyzer.analyze(text))
