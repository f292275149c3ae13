from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from neumat.errors import InputError
from neumat.fitting.frames import read_frames
from neumat.materials.images import write_exr


def _folder(path: Path, frames: list[dict[str, object]]) -> Path:
    write_exr(path / "a.exr", np.full((4, 8, 3), 0.25, np.float32))
    (path / "frames.json").write_text(json.dumps({"frames": frames}))
    return path


def test_poses_become_directions_of_each_pixel(tmp_path: Path) -> None:
    samples = read_frames(_folder(tmp_path, [{"file": "a.exr", "camera": [0, 0, 2], "light": [1, 0, 1]}]))
    assert len(samples) == 32
    assert np.allclose(samples.x, 0.25 * np.pi)
    # The top left pixel lies at (−7/16, +3/16): the camera is seen to the right and below.
    expected = np.array([7 / 16, -3 / 16, 2.0])
    assert np.allclose(samples.wo[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert samples.uv[0].tolist() == pytest.approx([1 / 16, 1 / 8])


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"file": "../a.exr", "camera": [0, 0, 1], "light": [0, 0, 1]}, "names no file"),
        ({"file": "a.exr", "camera": [0, 0, -1], "light": [0, 0, 1]}, "above the sample"),
        ({"file": "a.exr", "camera": [0, "x", 1], "light": [0, 0, 1]}, "no position"),
        ({"file": "a.exr", "light": [0, 0, 1]}, "no position"),
        ({"file": "missing.exr", "camera": [0, 0, 1], "light": [0, 0, 1]}, "missing.exr"),
    ],
)
def test_bad_frames_are_refused_in_one_line(tmp_path: Path, frame: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_frames(_folder(tmp_path, [frame]))


def test_broken_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "frames.json").write_text("{")
    with pytest.raises(InputError, match="JSON"):
        read_frames(tmp_path)
