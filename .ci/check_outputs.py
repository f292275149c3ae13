"""check_outputs.py FOLDER NAME --gain DB: does FOLDER hold all that `neumat make` promises, and is it good enough?"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

TARGETS = {
    "hlsl": ".hlsl", "glsl": ".glsl", "spirv": ".spv", "wgsl": ".wgsl", "metal": ".metal", "cuda": ".cu", "cpp": ".cpp",
}  # fmt: skip


def faults(folder: Path, name: str, gain: float) -> list[str]:
    """What is missing or too weak, a line each."""
    promised = [f"{name}.neumat", f"{name}.glb", "preview.png", "compare.png", "report.json", "report.md"]
    promised += [f"shaders/{form}/manifest.json" for form in ("hybrid", "neumip")]
    found = [f"{file} is missing or empty" for file in promised if not _filled(folder / file)]
    for form in ("hybrid", "neumip"):
        for target, suffix in TARGETS.items():
            if not any(_filled(path) for path in (folder / "shaders" / form).rglob(f"*{suffix}")):
                found.append(f"shaders/{form} holds nothing for {target}")
    if found:
        return found
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for form, part in (("hybrid", report), ("neumip", report["neumip"])):
        neural, pbr = part["quality"]["neural"]["mean"], part["quality"]["pbr"]["mean"]
        print(f"{form}: {neural:.1f} dB, plain PBR {pbr:.1f} dB, noise floor {part['quality']['noise_floor']:.1f} dB")
        if not math.isfinite(neural) or (form == "hybrid" and neural < pbr + gain):
            found.append(f"{form} gains {neural - pbr:.1f} dB over plain PBR, {gain:g} are asked for")
    return found


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def main() -> None:
    """Print what is wrong and leave with 1, or leave with 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--gain", type=float, required=True)
    options = parser.parse_args()
    found = faults(options.folder, options.name, options.gain)
    print("\n".join(found) or f"{options.folder.name}/: all that was promised is there")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
