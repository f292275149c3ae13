"""Options of the fit as text, and their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from neumat.errors import InputError
from neumat.materials.neural import network_text
from neumat.pipelines.fit import check_options, parse_network, parse_steps

GOOD: dict[str, Any] = {
    "form": "hybrid", "network": None, "resolution": 256, "budget": None, "steps": "16+12", "seed": 0, "device": "auto",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "hidden"), [("32x2", (32, 32)), ("64x4", (64,) * 4), ("4x1", (4,)), ("256x8", (256,) * 8)]
)
def test_networks(text: str, hidden: tuple[int, ...]) -> None:
    assert parse_network(text) == hidden
    assert network_text(hidden) == text


def test_uneven_networks_are_listed() -> None:
    assert network_text((64, 32)) == "64-32"


@pytest.mark.parametrize(
    "text", ["", "32", "x2", "32x", "32x0", "32x9", "0x2", "33x2", "260x2", "32X2", " 32x2", "32x2\n"]
)
def test_no_networks(text: str) -> None:
    with pytest.raises(InputError, match="WIDTHxDEPTH"):
        parse_network(text)


def test_steps() -> None:
    assert parse_steps("16+12") == (16, 12)
    assert parse_steps("1+128") == (1, 128)


@pytest.mark.parametrize(
    "text", ["", "16", "16+", "+12", "0+12", "16+0", "129+12", "16-12", "16+12+1", "1.5+2", "16+12\n"]
)
def test_no_steps(text: str) -> None:
    with pytest.raises(InputError, match=r"MARCH\+LIGHT"):
        parse_steps(text)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("form", ["", "other"]),
        ("network", ["", "33x2"]),
        ("resolution", [7, 4097, -1]),
        ("budget", [0.0, -1.0, float("nan"), float("inf")]),
        ("steps", ["16"]),
        ("seed", [-1, 2**31]),
        ("device", ["tpu", ""]),
    ],
)
def test_bounds(name: str, values: list[Any]) -> None:
    pytest.importorskip("torch")
    check_options(**GOOD)
    for value in values:
        with pytest.raises(InputError, match=name):
            check_options(**{**GOOD, name: value})
