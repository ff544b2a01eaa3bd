"""No secret of a URL is printed, whatever the URL looks like and whatever a library says about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.connectors.urls import redacted, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://node.example/", "https://node.example"),
        ("https://eth.example/v2/aBcDeF0123456789", "https://eth.example/..."),
        ("https://eth.example?key=aBcDeF0123456789", "https://eth.example/..."),
        ("https://me:hunter22@eth.example:443/rpc", "https://...@eth.example:443/..."),
        ("postgresql+psycopg://me:p@ss/word22@db:5432/balances", "postgresql+psycopg://...@db:5432/..."),
        ("postgresql://me:hunter22@[::1]:5432/b", "postgresql://...@[::1]:5432/..."),
        ("https://eth.example:port/secretkey", "..."),
        ("https://a\x1b[31mb/secretkey", "https://..."),
        ("127.0.0.1:6379", "127.0.0.1:6379"),
        ("auto", "auto"),
        ("eth.example/v2/aBcDeF0123456789", "..."),
        ("me:hunter22@eth.example", "..."),
    ],
)
def test_shown(url: str, shown: str) -> None:
    assert redacted(url) in (shown, "...", url.partition("://")[0] + "://...")
    for secret in ("aBcDeF0123456789", "hunter22", "word22", "secretkey"):
        assert secret not in redacted(url)


SECRET = st.text(alphabet="abcdefghijkmnpqrstuvwxyz23456789", min_size=8, max_size=20).map(lambda text: "zq" + text)


@given(SECRET, SECRET, SECRET, st.sampled_from(["@", "", "/", ":", "%40"]))
def test_whatever_the_secrets(password: str, key: str, query: str, odd: str) -> None:
    for url in (
        f"https://user:{odd}{password}@host.example:8545/v3/{key}?token={query}",
        f"postgresql://user:{password}{odd}{password}@host.example/{key}",
        f"https://host.example/{key}#{query}",
    ):
        # Libraries quote the whole URL, its path, or its user and password as they stand in it.
        said = f"cannot reach {url}: {url.partition('://')[2].rpartition('@')[0]} {key} at /v3/{key}"
        for text in (redacted(url), without_secrets(said, url)):
            assert not any(secret in text for secret in (password, key))
