"""Make the example materials anew from the procedural library: the same maps every time.

python examples/make_materials.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from neumat.procedural import family, save_folder

RESOLUTION = 512
# Family, parameters that differ from the defaults, seed.
MATERIALS: tuple[tuple[str, dict[str, float | str], int], ...] = (
    ("cobblestone", {"palette": "river"}, 7),
    ("brick", {}, 7),
    ("tread_plate", {}, 7),
)


def main(folder: Path) -> None:
    for name, parameters, seed in MATERIALS:
        save_folder(family(name).maps(parameters, RESOLUTION, seed), folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "materials")
