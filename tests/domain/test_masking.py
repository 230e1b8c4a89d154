"""URLs are shown without what lets their reader in."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid, JobFailed
from domain.jobs.failures import error_of
from domain.masking import masked

words = st.text(string.ascii_letters + string.digits + "._~-", min_size=6, max_size=20).map(lambda text: f"s3cr{text}")


@given(
    words,
    st.sampled_from(["https", "ftp", "ftps", "mongodb+srv"]),
    st.sampled_from(["ana:{}", "{}", ":{}", "ana:x/{}", "a%40b:@{}"]),
    st.sampled_from(["can't be fetched: {}", "<{}>", "{}, and on", "a\n{}\nb"]),
)
def test_whoever_is_named_before_the_host_is_masked(secret: str, scheme: str, user: str, sentence: str) -> None:
    """With a password or without one, wherever in a text the URL stands; its host and path stay."""
    url = f"{scheme}://{user.format(secret)}@files.example.org:8443/genes.tsv"

    told = masked(sentence.format(url))

    assert secret not in told
    assert "***@files.example.org:8443/genes.tsv" in told


@given(
    words,
    st.sampled_from(["access_token", "X-Amz-Signature", "X-Amz-Credential", "apiKey", "pwd", "sig", "%74oken", "client_secret"]),
    st.sampled_from("?&;#"),
)
def test_secret_parameters_are_masked(secret: str, name: str, mark: str) -> None:
    """Of signed addresses too, however the name is spelt; others stay."""
    told = masked(f"see https://example.org/f{mark}{name}={secret}&page=2 there")

    assert told == f"see https://example.org/f{mark}{name}=***&page=2 there"


@pytest.mark.parametrize(
    "text",
    [
        "http://example.org:8080/a@b",
        "https://example.org/?keyword=tp53&author=me&format=tsv",
        '["https://example.org/x","mailto:somebody@example.org"]',
        "http://[fe80::1]:80/a@b",
        "token=abc is no URL",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """An `@` behind the host names nobody."""
    assert masked(text) == text


@pytest.mark.parametrize("text", ["://b", "://b:", "://b:c@", "://?b=c", "://:", "://@"])
def test_the_time_grows_with_the_length_only(text: str) -> None:
    """A plugin that prints what resembles addresses a hundred thousand times stops nobody: a quadratic search would not end."""
    assert masked(text * 100_000)


def test_errors_are_masked_whoever_raised_them() -> None:
    """Refusals, failures with their detail, and what libraries raise."""
    url = "ftp://ana:hush@example.org/x"
    told = "ftp://ana:***@example.org/x"

    assert Invalid(url).message == told
    assert (JobFailed(url, url).message, JobFailed(url, url).detail) == (told, told)
    assert error_of(OSError(url)).message == f"OSError: {told}"
    assert "hush" not in error_of(OSError(url)).detail
