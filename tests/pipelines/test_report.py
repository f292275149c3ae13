"""The page and the tables of a report."""

from __future__ import annotations

from typing import Any

from neumat.pipelines.report import cost_table, markdown, quality_table
from neumat.shading.counts import count


def report(name: str = "stones") -> dict[str, Any]:
    from neumat.materials.synthetic import small_material

    angles = {"mean": 30.0, "0": 31.0, "35": 30.5, "55": 29.5, "70": 28.0}
    columns = ("neural", "pbr", "parallax", "marched", "fallback")
    quality: dict[str, Any] = {
        column: {key: value - 2.0 * index for key, value in angles.items()} for index, column in enumerate(columns)
    }
    quality |= {"noise_floor": 44.4, "taps": 1, "truth_samples": 64, "resolution": 32}
    return {
        "name": name, "quality": quality, "cost": count(small_material("hybrid", seed=1)),
        "fit": {"seconds": 3.0, "cpu_seconds": 5.0, "network": "32x2", "steps": "16+12", "samples": 1000},
    }  # fmt: skip


def test_quality_is_told_by_angle() -> None:
    rows = quality_table(report()["quality"])
    assert rows[0] == ["", "mean", "0°", "35°", "55°", "70°"]
    assert rows[1] == ["neural material", "30.0", "31.0", "30.5", "29.5", "28.0"]
    assert [row[0] for row in rows[1:]].count("plain PBR") == 1
    assert len(rows) == 6


def test_cost_adds_up() -> None:
    cost = report()["cost"]
    rows = {row[0]: [int(cell.replace(",", "")) for cell in row[1:]] for row in cost_table(cost)[1:]}
    for prepare, evaluate, one, four in rows.values():
        assert one == prepare + evaluate
        assert four == prepare + 4 * evaluate


def test_the_page() -> None:
    told = {**report(), "files": ["stones.neumat", "shaders/hybrid/"], "neumip": report()}
    told["findings"] = [{"what": "height | scale", "value": "<b>0.05</b>", "how": "told\nby you", "assumed": False}]
    page = markdown(told)
    assert page.startswith("# stones\n")
    assert "+2.0 dB against plain PBR" in page
    assert "44.4 dB" in page
    assert "## hybrid" in page
    assert "## neumip" in page
    assert "- `shaders/hybrid/`" in page
    # Texts of files stay in their cell.
    assert "| height \\| scale | &lt;b>0.05&lt;/b> | told by you |" in page


def test_without_a_second_form_or_findings() -> None:
    page = markdown(report())
    assert "neumip" not in page
    assert "What was found" not in page
