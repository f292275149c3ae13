"""The manifest of a shader package; its schema is `manifest.schema.json`, beside this file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import json
from pathlib import Path
from typing import Any

from neumat.compiler import TARGETS, slang_version
from neumat.compiler.slang import PINNED_VERSION
from neumat.errors import InputError
from neumat.materials.neural import LATENT_CHANNELS, NeuralMaterial
from neumat.shading.bindings import (
    BATCH_SIZE,
    BATCH_TARGETS,
    ENTRY,
    STORAGE_TARGETS,
    Weights,
    bindings,
    defines_of,
    weights_of,
)
from neumat.shading.ports import Compiled
from neumat.shading.program import ShaderProgram
from neumat.shading.symbols import identifier, signature
from neumat.shading.textures import FORMATS

MANIFEST_VERSION = 1
_LIMIT = 1 << 24


def manifest_schema() -> dict[str, Any]:
    """The JSON schema of manifest.json."""
    text = importlib.resources.files("neumat.shading").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def build_manifest(
    material: NeuralMaterial, program: ShaderProgram, compiled: dict[str, Compiled],
    resources: dict[str, dict[str, Any]], weights: Weights, folder: Path,
) -> dict[str, Any]:  # fmt: skip
    """Describe a package whose other files are already in `folder`."""
    prefix = identifier(material.name)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): _file(path) for path in files}
    return {
        "manifest": MANIFEST_VERSION,
        "generator": {
            "neumat": importlib.metadata.version("neumat"),
            "slang": slang_version(),
            "slang_tested": PINNED_VERSION,
        },
        "name": material.name,
        "prefix": prefix,
        "form": material.form,
        "settings": _settings(material, program),
        "functions": {
            "prepare": f"void {prefix}_prepare(float2 uv, float footprint, float3 wo, out float4 hit, "
            "out float4 color, out float4 surface, out float4 latent0, out float4 latent1, out float4 latent2)",
            "evaluate": f"float3 {prefix}_evaluate(float4 hit, float4 color, float4 surface, float4 latent0, "
            "float4 latent1, float4 latent2, float3 wo, float3 wi)",
        },
        "targets": {
            target: _target(material.form, target, result, prefix, weights) for target, result in compiled.items()
        },
        "resources": resources,
        "formats": {
            name: FORMATS[name] for name in FORMATS if name in {entry.get("format") for entry in resources.values()}
        },
        "networks": _networks(material, program),
        "maps": {name: f"maps/{name}.png" for name in ("base_color", "orm", "normal", "height") if material.explicit},
        "counts": {
            "parameters": sum(network.parameters for network in material.networks.values()),
            "weight_bytes": program.weights.nbytes,
            "latent_bytes": sum(texture.nbytes for texture in material.latents.values()),
            "map_bytes": 0 if material.explicit is None else 11 * material.explicit.height.size,
        },
        "test_vectors": "test_vectors.json",
        "files": hashes,
        "provenance": material.provenance,
    }


def _file(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _settings(material: NeuralMaterial, program: ShaderProgram) -> dict[str, Any]:
    return {
        "size": list(program.level_sizes[0]),
        "levels": len(program.level_sizes),
        "latent_size": list(program.latent_size),
        "latent_channels": LATENT_CHANNELS,
        "resolution": material.resolution,
        "tileable": material.tileable,
        "aspect": program.aspect,
        "height_scale": material.height_scale,
        "height_range": list(material.height_range),
        "march_steps": material.march_steps,
        "secant_steps": material.secant_steps,
        "light_steps": material.light_steps,
        "offset_range": material.offset_range,
        "output": material.output,
        "activation_slope": program.activation_slope,
        "physical_size": material.physical_size,
    }


def _target(form: str, target: str, result: Compiled, prefix: str, weights: Weights) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "file": f"{prefix}{TARGETS[target].suffix}",
        "status": result.status,
        "checked_by": result.checked_by,
        "weights": weights_of(target, weights),
        "arguments": list(TARGETS[target].arguments),
        "defines": defines_of(target, weights),
        "bindings": [
            {
                "name": f"{prefix}_{binding.name}",
                "resource": binding.name,
                "kind": binding.kind,
                "index": binding.index,
                "register": _register(target, binding.kind, binding.index),
            }
            for binding in bindings(form, target, weights)
        ],
    }
    if result.error is not None:
        entry["error"] = float(f"{result.error:.2g}")
    if target in BATCH_TARGETS:
        entry["entry"] = ENTRY if target == "spirv" else f"{prefix}_{ENTRY}"
        entry["group_size"] = BATCH_SIZE
    if not TARGETS[target].binary:
        text = result.code.decode()
        entry["prepare"] = signature(text, f"{prefix}_prepare")
        entry["evaluate"] = signature(text, f"{prefix}_evaluate")
    return entry


def _register(target: str, kind: str, index: int) -> str:
    """How the language itself spells a binding."""
    if target == "hlsl":
        return f"{ {'constant_buffer': 'b', 'storage_buffer_write': 'u'}.get(kind, 't') }{index}"
    if target == "metal":
        return f"{'texture' if kind == 'texture' else 'buffer'}({index})"
    if target in STORAGE_TARGETS:
        return "member of GlobalParams"
    return f"@group(0) @binding({index})" if target == "wgsl" else f"set 0, binding {index}"


def _networks(material: NeuralMaterial, program: ShaderProgram) -> list[dict[str, Any]]:
    """Where each matrix lies in weights.bin, in float4s; a row holds the weights of one input to all outputs."""
    order = ("decoder",) if material.form == "hybrid" else ("offset", "rgb")
    found, first = [], 0
    for name in order:
        network = material.networks[name]
        layers = []
        for layer in network.layers:
            outputs, inputs = layer.weight.shape
            rows, row = -(-inputs // 4) * 4, -(-outputs // 4)
            layers.append({"first": first, "inputs": inputs, "outputs": outputs, "rows": rows, "row_float4s": row})
            first += (rows + 1) * row
        found.append({"name": name, "inputs": list(network.inputs), "activation": network.activation, "layers": layers})
    assert first == len(program.weights)
    return found


def manifest_json(manifest: dict[str, Any]) -> str:
    """Write a manifest as JSON, the same for the same content."""
    return json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read the manifest of a package.

    Raises:
        InputError: it is missing, too large, no JSON, or of a version that is not known.
    """
    path = Path(folder) / "manifest.json"
    try:
        if path.stat().st_size > _LIMIT:
            raise InputError(f"{path}: is too large for a manifest")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a shader package") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no manifest of a shader package ({error})") from None
    if not isinstance(manifest, dict) or manifest.get("manifest") != MANIFEST_VERSION:
        raise InputError(f"{path}: is no manifest of version {MANIFEST_VERSION}")
    return manifest
