"""The report of the main job: one JSON for scripts and one page for people."""

from __future__ import annotations

from typing import Any

from neumat.truth.protocol import VIEW_ANGLES

_MEANING = {
    "neural": "neural material",
    "marched": "marched parallax + marched shadow",
    "parallax": "ideal parallax mapping",
    "pbr": "plain PBR",
    "fallback": "learned layer dropped",
}


def quality_table(quality: dict[str, Any]) -> list[list[str]]:
    """Rows of the quality table: name, mean and each view angle in dB, header first."""
    rows = [["", "mean", *(f"{angle}°" for angle in VIEW_ANGLES)]]
    for name in ("neural", "marched", "parallax", "pbr", "fallback"):
        values = quality[name]
        rows.append([_MEANING[name], f"{values['mean']:.1f}", *(f"{values[str(angle)]:.1f}" for angle in VIEW_ANGLES)])
    return rows


def cost_table(cost: dict[str, Any]) -> list[list[str]]:
    """Rows of the cost table, header first."""
    return [
        ["", "prepare", "evaluate", "1 light", "4 lights"],
        *(
            [
                key,
                f"{cost['prepare'][key]:,}",
                f"{cost['evaluate'][key]:,}",
                f"{cost[key]:,}",
                f"{cost['lights_4'][key]:,}",
            ]
            for key in ("flops", "fetches")
        ),
    ]


def _markdown(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(row) + " |" for row in rows[1:]]
    return "\n".join(lines)


def markdown(report: dict[str, Any]) -> str:
    """The report as a page: quality and cost of each form, what was found in the source, the files."""
    parts = [f"# {report['name']}", "", "![neural, PBR and their difference](compare.png)", ""]
    forms = {"hybrid": report, **({"neumip": report["neumip"]} if "neumip" in report else {})}
    for form, part in forms.items():
        quality, cost, fit = part["quality"], part["cost"], part["fit"]
        gain = quality["neural"]["mean"] - quality["pbr"]["mean"]
        parts += [
            f"## {form}",
            "",
            f"{gain:+.1f} dB against plain PBR, at {quality['taps']} look-up a pixel and {quality['resolution']} pixels"
            f" across the texture; noise floor of the truth "
            f"{quality['noise_floor']:.1f} dB ({quality['truth_samples']} paths a pixel).",
            "",
            "PSNR in dB on tone-mapped x = π·f against path-traced truth, views and lights held out:",
            "",
            _markdown(quality_table(quality)),
            "",
            f"Cost of one shading evaluation, {cost['parameters']:,} parameters:",
            "",
            _markdown(cost_table(cost)),
            "",
            f"Memory: {cost['bytes'] / 1024:,.0f} KiB, of it explicit maps {cost['bytes_explicit'] / 1024:,.0f}, "
            f"latents {cost['bytes_latents'] / 1024:,.0f}, weights {cost['bytes_weights'] / 1024:,.1f}.",
            "",
            f"Fitted in {fit.get('seconds', 0):.0f} s ({fit.get('cpu_seconds', 0):.0f} CPU-seconds): network "
            f"{fit.get('network')}, steps {fit.get('steps')}, {fit.get('samples', 0):,} samples.",
            "",
        ]
    if report.get("findings"):
        parts += ["## What was found in the source", "", "| what | value | how |", "|---|---|---|"]
        parts += [f"| {_cell(f['what'])} | {_cell(f['value'])} | {_cell(f['how'])} |" for f in report["findings"]]
        parts.append("")
    if report.get("files"):
        parts += ["## Files", "", *(f"- `{name}`" for name in report["files"]), ""]
    return "\n".join(parts)


def _cell(text: object) -> str:
    """Text for a table cell: names of files may hold anything."""
    return str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


