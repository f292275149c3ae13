"""Make the pictures of the README: python examples/make_pictures.py (from the project's root, a few minutes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import neumat
from neumat.materials.images import write_png
from neumat.pipelines.evaluate import evaluate_material
from neumat.pipelines.picture import PictureOptions, render_comparison, render_picture
from neumat.rendering.lettering import draw_label
from neumat.truth.metrics import display

EXAMPLES = Path("examples")
IMAGES = Path("docs/images")
NAMES = ("cobblestone", "brick", "tread_plate")
SCENE = PictureOptions(
    mesh=EXAMPLES / "meshes" / "shaderball.glb",
    probe=EXAMPLES / "probes" / "studio.exr",
    repeats=4.0,
    exposure=0.6,
    samples=144,
)


def main() -> None:
    rows, balls = [], []
    for name in NAMES:
        maps = neumat.load(EXAMPLES / "materials" / name)
        assert isinstance(maps, neumat.PbrMaterial)
        material = neumat.fit(maps, resolution=256)
        if name == NAMES[0]:
            render_comparison(material, IMAGES / "compare.png", SCENE)
        ball = IMAGES / f"ball_{name}.png"
        render_picture(material, ball, SCENE)
        balls.append(ball)
        result = evaluate_material(material, maps)
        view = 10  # a view from 55°
        columns = {
            "truth": result.truth.pictures[view],
            "neural": result.columns["neural"][view],
            "marched": result.columns["marched"][view],
            "pbr": result.columns["pbr"][view],
        }
        panels = []
        for label, picture in columns.items():
            panel = np.rint(display(picture) * 255.0).astype(np.uint8).repeat(3, axis=0).repeat(3, axis=1)
            if name == NAMES[0]:
                draw_label(panel, label, left=0, top=0, scale=2)
            panels.append(panel)
        rows.append(np.concatenate(panels, axis=1))
    write_png(IMAGES / "truth.png", np.concatenate(rows, axis=0))


if __name__ == "__main__":
    main()
