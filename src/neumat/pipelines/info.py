"""What is known of a material, as rows for a table and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neumat.materials.neumat_file import describe
from neumat.materials.neural import NeuralMaterial, network_text
from neumat.materials.pbr import PbrMaterial
from neumat.pipelines.load import Reading, load
from neumat.shading.counts import count


def info(path: str | Path, reading: Reading | None = None) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """Describe a folder of maps, a GLB or a ``.neumat``.

    Returns:
        JSON values, and rows of what, value, how.

    Raises:
        InputError: it cannot be used.
    """
    material = load(path, reading)
    if isinstance(material, PbrMaterial):
        return _pbr(material)
    data, rows = _neural(material)
    if Path(path).suffix.lower() == ".neumat":
        data["header"] = describe(path)
    return data, rows


def _pbr(material: PbrMaterial) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    height, width = material.shape
    rows = [("material", material.name, "PBR maps"), ("size", f"{width} × {height}", "texels")]
    rows += [(f.what, f.value, ("assumed: " if f.assumed else "") + f.how) for f in material.findings]
    data = {
        "kind": "pbr", "name": material.name, "width": width, "height": height,
        "height_scale": material.height_scale, "tileable": material.tileable,
        "physical_size": material.physical_size, "provenance": material.provenance,
        "findings": [
            {"what": f.what, "value": f.value, "how": f.how, "assumed": f.assumed} for f in material.findings
        ],
    }  # fmt: skip
    return data, rows


def _neural(material: NeuralMaterial) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    cost = count(material)
    networks = {name: network_text(network.hidden) for name, network in material.networks.items()}
    sizes = {name: f"{texture.shape[1]} × {texture.shape[0]}" for name, texture in material.latents.items()}
    rows = [
        ("material", material.name, f"neural material, form {material.form}"),
        ("fitted for", f"{material.resolution} pixels", "across the texture"),
        *(("network", f"{name} {text}", "hidden layers") for name, text in networks.items()),
        *(("latents", f"{name} {size}", "12 channels, float16") for name, size in sizes.items()),
        ("parameters", f"{cost['parameters']:,}", "weights and biases"),
        ("cost", f"{cost['flops']:,} FLOP, {cost['fetches']} fetches", "prepare + one evaluate"),
        ("memory", f"{cost['bytes'] / 1024:,.0f} KiB", "textures and weights, without mips"),
        ("height scale", f"{material.height_scale:.4f}", "texture widths"),
        ("tileable", "yes" if material.tileable else "no", "stored"),
        ("size", f"{material.physical_size:g} m", "width of the texture"),
    ]
    if material.explicit is not None:
        h, w = material.explicit.height.shape
        rows.insert(1, ("explicit maps", f"{w} × {h}", "base colour, roughness, metallic, normal, height"))
    for key in ("author", "licence", "source"):
        if key in material.provenance:
            rows.append((key, str(material.provenance[key])[:120], "provenance"))
    data = {
        "kind": "neural", "name": material.name, "form": material.form, "resolution": material.resolution,
        "networks": networks, "latents": sizes, "cost": cost, "height_scale": material.height_scale,
        "tileable": material.tileable, "physical_size": material.physical_size, "provenance": material.provenance,
    }  # fmt: skip
    return data, rows
