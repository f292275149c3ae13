"""Quality of both forms beside what engines have: python benchmarks/quality.py [FOLDER …] [--height-scale S].

Fits every folder (the examples if none is given) at 128 pixels, evaluates by the protocol, writes
results/quality.csv. With --readme it measures nothing and puts the table of that file into README.md.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import platform
import re
from pathlib import Path
from typing import Any

import neumat
from neumat.pipelines.load import Reading

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "quality.csv"
EXAMPLES = ("cobblestone", "brick", "tread_plate")
COLUMNS = ("pbr", "parallax", "marched", "hybrid", "neumip", "fallback", "noise_floor")
FIELDS = (
    "material", "height_scale", "resolution", *COLUMNS, "hybrid_seconds", "hybrid_cpu_seconds", "neumip_seconds",
    "neumip_cpu_seconds", "machine", "cores", "date",
)  # fmt: skip


def machine() -> tuple[str, int]:
    """Name of the processor and number of cores in use."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        name = found[1] if found else name
    from neumat.compiler.native import thread_count

    return name, thread_count()


def measure(folder: Path, resolution: int, height_scale: float | None) -> dict[str, Any]:
    """Fit and evaluate both forms of one material."""
    reading = Reading(height_scale=height_scale)
    maps = neumat.load(folder, reading)
    assert isinstance(maps, neumat.PbrMaterial)
    row: dict[str, Any] = {"material": maps.name, "height_scale": round(maps.height_scale, 4), "resolution": resolution}
    for form in ("hybrid", "neumip"):
        material = neumat.fit(maps, form=form, resolution=resolution)  # type: ignore[arg-type]
        report = neumat.evaluate(material, maps).report
        quality = report["quality"]
        row[form] = round(quality["neural"]["mean"], 2)
        row[f"{form}_seconds"] = report["fit"]["seconds"]
        row[f"{form}_cpu_seconds"] = report["fit"]["cpu_seconds"]
        if form == "hybrid":
            row["noise_floor"] = round(quality["noise_floor"], 2)
            row |= {name: round(quality[name]["mean"], 2) for name in ("pbr", "parallax", "marched", "fallback")}
    return row


def table(rows: list[dict[str, str]]) -> str:
    """The README's table of a CSV's rows."""
    names = {
        "pbr": "plain PBR", "parallax": "ideal parallax", "marched": "marched + shadow", "hybrid": "**hybrid**",
        "neumip": "neumip 64×4", "noise_floor": "noise floor",
    }  # fmt: skip
    lines = ["| material | " + " | ".join(names.values()) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        lines.append(f"| {row['material']} | " + " | ".join(f"{float(row[name]):.1f}" for name in names) + " |")
    return "\n".join(lines)


def write_readme() -> None:
    """Replace the README's table by the CSV's."""
    with open(RESULTS, newline="") as file:
        content = table(list(csv.DictReader(file)))
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    found = re.compile(r"<!-- quality -->.*?<!-- end -->", flags=re.DOTALL)
    text = found.sub(lambda _: f"<!-- quality -->\n\n{content}\n\n<!-- end -->", text)
    readme.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--height-scale", type=float)
    parser.add_argument("--resolution", type=int, default=128)
    parser.add_argument("--append", action="store_true", help="Keep the rows of other materials.")
    parser.add_argument("--readme", action="store_true", help="Only put the table into README.md.")
    options = parser.parse_args()
    if options.readme:
        write_readme()
        return
    folders = options.folders or [ROOT / "examples" / "materials" / name for name in EXAMPLES]
    rows: dict[str, dict[str, Any]] = {}
    if options.append and RESULTS.exists():
        with open(RESULTS, newline="") as file:
            rows = {row["material"]: row for row in csv.DictReader(file)}
    name, cores = machine()
    for folder in folders:
        row = measure(folder, options.resolution, options.height_scale)
        row |= {"machine": name, "cores": cores, "date": datetime.date.today().isoformat()}
        rows[row["material"]] = row
        print(row, flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        with open(RESULTS, "w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows.values())


if __name__ == "__main__":
    main()
