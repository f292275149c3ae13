from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neumat.errors import InputError
from neumat.materials.plain import plain
from neumat.materials.synthetic import small_pbr
from neumat.pipelines.evaluate import COLUMNS, dump_pictures, evaluate_material


def test_an_idle_layer_scores_as_what_it_is(tmp_path: Path) -> None:
    source = small_pbr(seed=8, size=(16, 16))
    result = evaluate_material(plain(source), source)
    quality = result.report["quality"]
    assert set(COLUMNS) <= set(quality)
    assert quality["fallback"] == quality["pbr"]
    assert quality["taps"] == 1
    # Without a layer the neural column is parallax mapping by the march, close to the exact hit.
    assert quality["neural"]["mean"] == pytest.approx(quality["parallax"]["mean"], abs=1.5)
    assert quality["noise_floor"] >= min(45.0, max(quality[name]["mean"] for name in COLUMNS) + 6.0) - 1e-3
    dump_pictures(result, tmp_path / "pictures")
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "view_00.png", "view_35.png", "view_55.png", "view_70.png",
    ]  # fmt: skip


def test_more_taps_come_nearer_to_a_flat_truth() -> None:
    from dataclasses import replace

    source = replace(small_pbr(seed=9, size=(16, 16)), height_scale=0.0)
    flat = replace(source, normal=np.broadcast_to(np.array([0, 0, 1], np.float32), (16, 16, 3)).copy())
    one = evaluate_material(plain(flat), flat).report["quality"]
    nine = evaluate_material(plain(flat), flat, taps=9).report["quality"]
    assert nine["pbr"]["mean"] >= one["pbr"]["mean"]
    assert one["pbr"]["mean"] > 30.0


@pytest.mark.parametrize("taps", [0, 2, 3, 81])
def test_taps_are_square_numbers(taps: int) -> None:
    source = small_pbr(seed=8, size=(16, 16))
    with pytest.raises(InputError, match="square number"):
        evaluate_material(plain(source), source, taps=taps)
