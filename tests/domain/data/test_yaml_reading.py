"""YAML from outside: what it stands for is counted before it is made."""

import pytest

from domain.data.yaml_reading import YamlRefused, decode

TWELVE = "\n".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 12)}]" for n in range(1, 12))
MERGED = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 8)}]}}" for n in range(1, 16))
BOMBS = {
    "lists": f"k0: &k0 [text]\n{TWELVE}",
    "maps": "a0: &a0 {x: y}\n" + "\n".join(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}" for n in range(1, 40)),
    "keys that are merged": f"m0: &m0 {{a: 1, b: 2}}\n{MERGED}",
    "one long text": f"t: &t {'x' * 50_000}\nl: [{', '.join(['*t'] * 400)}]",
    "itself": "a: &a [1, *a]",
    "itself, further down": "a: &a {b: {c: [*a]}}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_what_stands_for_too_much_is_refused(text: str) -> None:
    """Whatever repeats it, with its place: to make the smallest of them would take more memory than the process may have."""
    with pytest.raises(YamlRefused, match=r"line \d+, column \d+"):
        decode(text)


def test_aliases_are_expanded() -> None:
    """Anchors, aliases and merged keys are YAML that people write."""
    text = "base: &base {url: 'https://example.org', tags: [a, 2024-05-06]}\none: {<<: *base, n: 1}\ntwo: [*base, *base]\n7: x"

    found = decode(text)

    assert found["one"] == {**found["base"], "n": 1}
    assert found["two"] == [found["base"]] * 2
    assert (found["base"]["tags"], found["7"]) == (["a", "2024-05-06"], "x")


@pytest.mark.parametrize("text", ["[" * 5000, "a: [", "a: 1\n---\nb: 2", "!!python/object/apply:os.getcwd []", f"n: {10**30}"])
def test_what_can_not_be_read(text: str) -> None:
    """No YAML, more than a document, what would run code, and numbers that JSON has not."""
    with pytest.raises(YamlRefused):
        decode(text)
