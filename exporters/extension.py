"""The glTF vendor extension ``NEUMAT_materials_neural``: a neural material beside its own PBR fallback.

Specification: ``docs/extension/NEUMAT_materials_neural.md``; JSON schema: beside this file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError, VersionError
from neumat.exporters.gltf_container import GltfFile
from neumat.exporters.gltf_document import GltfDocument
from neumat.materials.neumat_file import decoder_hash
from neumat.materials.neural import (
    LATENT_CHANNELS,
    LATENTS,
    MAX_LATENT_SIDE,
    MAX_LAYER_WIDTH,
    MAX_TEXTURE_SIDE,
    NETWORKS,
    ExplicitMaps,
    Layer,
    Network,
    NeuralMaterial,
)  # fmt: skip
from neumat.materials.reference import Reference
from neumat.names import safe_name

NAME = "NEUMAT_materials_neural"
VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluations:
    """A few evaluations by the float64 reference, for checking a port of the shader.

    Attributes:
        uv: (N, 2), in the material's texture (after any KHR_texture_transform).
        footprint: (N,), width of a pixel in texture widths.
        wo, wi: (N, 3) unit directions away from the surface, in the tangent frame (x = +U, y = image-up, z out).
        rgb: (N, 3), BRDF × cosine, linear Rec.709.
    """

    uv: Doubles
    footprint: Doubles
    wo: Doubles
    wi: Doubles
    rgb: Doubles


def schema() -> dict[str, Any]:
    """Return the JSON schema of the extension's object."""
    text = (resources.files("neumat.exporters") / f"{NAME}.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def reference_evaluations(material: NeuralMaterial, count: int, *, seed: int = 0) -> Evaluations:
    """Evaluate `material` at `count` seeded places and directions with `neumat.materials.reference`.

    The inputs are rounded to float32, so that a client reads exactly what was evaluated. Of every eight, one has its
    eye and one its light near the horizon, where the clamps act, and one its light below it.
    """
    random = np.random.default_rng(seed)
    turn = np.arange(count) % 8
    uv = random.uniform(0.0, 1.0, (count, 2)).astype(np.float32).astype(np.float64)
    footprint = 2.0 ** random.uniform(-1.0, 3.0, count) / _texture_width(material)
    footprint = footprint.astype(np.float32).astype(np.float64)
    eye, light = random.uniform(0.2, 1.0, count), random.uniform(0.15, 1.0, count)
    eye[turn == 5] *= 0.3
    light[turn == 6] *= 0.3
    light[turn == 7] *= -1.0
    wo, wi = _directions(eye, random), _directions(light, random)
    reference = Reference(material)
    rgb = reference.evaluate(reference.prepare(uv, footprint, wo), wi)
    return Evaluations(uv, footprint, wo, wi, np.asarray(rgb, np.float64).reshape(count, 3))


def mean_color(material: NeuralMaterial) -> tuple[float, float, float]:
    """Average albedo by a few evaluations, linear: the flat fallback of a material without PBR channels.

    The least-squares Lambertian albedo, Σ π·f·cosθi / Σ cos²θi, over lights and eyes well above the horizon.
    """
    random = np.random.default_rng(0)
    count = 256
    wo, wi = (_directions(random.uniform(0.4, 1.0, count), random) for _ in range(2))
    reference = Reference(material)
    footprint = np.full(count, 1.0 / _texture_width(material))
    rgb = reference.evaluate(reference.prepare(random.uniform(0.0, 1.0, (count, 2)), footprint, wo), wi)
    cosine = wi[:, 2:]
    albedo = np.sum(np.pi * np.asarray(rgb, np.float64) * cosine, axis=0) / np.sum(cosine**2)
    red, green, blue = (float(value) for value in np.clip(albedo, 0.0, 1.0))
    return red, green, blue


def _texture_width(material: NeuralMaterial) -> int:
    return material.resolution if material.explicit is None else material.explicit.height.shape[1]


def _directions(cosine: Doubles, random: np.random.Generator) -> Doubles:
    """Unit directions of given z with seeded azimuths, rounded to float32."""
    azimuth = random.uniform(0.0, 2.0 * np.pi, len(cosine))
    sine = np.sqrt(1.0 - cosine**2)
    stacked = np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=-1)
    return stacked.astype(np.float32).astype(np.float64)


def write_extension(document: GltfDocument, material: NeuralMaterial, *, evaluations: int) -> dict[str, Any]:
    """Append the buffers of `material` to `document` and return the extension's JSON object.

    Args:
        document: receives height, latents and weights as buffer views.
        material: either form; its PBR channels are expected as the textures of the glTF material itself.
        evaluations: how many reference evaluations to include.
    """
    entry: dict[str, Any] = {
        "version": VERSION,
        "form": material.form,
        "resolution": int(material.resolution),
        "heightScale": float(material.height_scale),
        "heightRange": [float(value) for value in material.height_range],
        "marchSteps": int(material.march_steps),
        "secantSteps": int(material.secant_steps),
        "lightSteps": int(material.light_steps),
        "offsetRange": float(material.offset_range),
        "output": material.output,
        "tileable": bool(material.tileable),
        "physicalSize": float(material.physical_size),
    }
    if material.explicit is not None:
        height = material.explicit.height
        entry["explicit"] = {
            "width": height.shape[1],
            "height": height.shape[0],
            "hasOcclusion": bool(material.explicit.has_occlusion),
            "heightMap": {"bufferView": document.add_array(height)},
        }
    entry["latents"] = [
        {
            "name": name,
            "width": material.latents[name].shape[1],
            "height": material.latents[name].shape[0],
            "channels": LATENT_CHANNELS,
            "bufferView": document.add_array(material.latents[name]),
        }
        for name in LATENTS[material.form]
    ]
    entry["networks"] = [_write_network(document, name, material.networks[name]) for name in NETWORKS[material.form]]
    entry["weightsSha256"] = decoder_hash(material)
    golden = reference_evaluations(material, evaluations)
    entry["evaluations"] = [
        {"uv": uv.tolist(), "footprint": float(size), "wo": wo.tolist(), "wi": wi.tolist(), "rgb": rgb.tolist()}
        for uv, size, wo, wi, rgb in zip(golden.uv, golden.footprint, golden.wo, golden.wi, golden.rgb, strict=True)
    ]
    entry["provenance"] = dict(material.provenance)
    return entry


def _write_network(document: GltfDocument, name: str, network: Network) -> dict[str, Any]:
    layers = []
    for layer in network.layers:
        packed = np.concatenate([layer.weight.astype("<f4").ravel(), layer.bias.astype("<f4").ravel()])
        outputs, inputs = layer.weight.shape
        layers.append({"inputs": inputs, "outputs": outputs, "bufferView": document.add_array(packed)})
    return {"name": name, "inputs": list(network.inputs), "activation": network.activation, "layers": layers}


def find_extension(file: GltfFile, gltf_material: dict[str, Any]) -> dict[str, Any] | None:
    """Return the extension's JSON object of a glTF material, None where it has none."""
    extensions = file.extensions(gltf_material, "the material")
    return file.mapping(extensions[NAME], NAME) if NAME in extensions else None


def read_extension(
    file: GltfFile, entry: dict[str, Any], name: str, explicit: tuple[npt.NDArray[np.uint8], ...] | None
) -> NeuralMaterial:
    """Read the neural material that `write_extension` wrote, bit for bit.

    Args:
        file: the glTF file.
        entry: the extension's JSON object (see `find_extension`).
        name: name of the glTF material.
        explicit: base colour, occlusion-roughness-metallic and normal codes, each (H, W, 3) uint8, that the glTF
            material's own textures hold; None where it has no textures.

    Raises:
        VersionError: the extension is of a newer version.
        InputError: anything is missing, out of bounds or contradicts itself.
    """
    version = file.integer(entry.get("version"), f"version of {NAME}", least=1)
    if version > VERSION:
        raise VersionError(
            f"{file.path}: has {NAME} of version {version}; this neumat reads up to {VERSION}: install a newer one"
        )
    form = file.text(entry.get("form"), "form")
    if form not in NETWORKS:
        raise file.fault(f"form {form[:40]!r} is not known (known: {', '.join(NETWORKS)})")
    low, high = file.numbers(entry.get("heightRange"), "heightRange", 2)
    maps = _read_explicit(file, entry, explicit)
    latents, networks = _read_latents(file, entry), _read_networks(file, entry)
    stated = file.text(entry.get("weightsSha256"), "weightsSha256")
    try:
        material = NeuralMaterial(
            name=name if _NAME.fullmatch(name) else safe_name(name),
            form=form,  # type: ignore[arg-type]  # one of NETWORKS, checked above
            explicit=maps,
            latents=latents,
            networks=networks,
            resolution=file.integer(entry.get("resolution"), "resolution", least=1, most=MAX_TEXTURE_SIDE),
            height_scale=file.number(entry.get("heightScale"), "heightScale"),
            height_range=(low, high),
            march_steps=file.integer(entry.get("marchSteps"), "marchSteps"),
            secant_steps=file.integer(entry.get("secantSteps"), "secantSteps"),
            light_steps=file.integer(entry.get("lightSteps"), "lightSteps"),
            offset_range=file.number(entry.get("offsetRange"), "offsetRange"),
            output=file.text(entry.get("output"), "output"),  # type: ignore[arg-type]  # checked by the class
            tileable=file.flag(entry.get("tileable"), "tileable"),
            physical_size=file.number(entry.get("physicalSize"), "physicalSize"),
            provenance=dict(file.mapping(entry.get("provenance", {}), "provenance")),
        )
    except InputError as error:
        raise error if str(error).startswith(str(file.path)) else file.fault(str(error)) from error
    if decoder_hash(material) != stated:
        raise file.fault("its weights do not have the SHA-256 that the file states: it is damaged or was edited")
    return material


def _read_explicit(
    file: GltfFile, entry: dict[str, Any], textures: tuple[npt.NDArray[np.uint8], ...] | None
) -> ExplicitMaps | None:
    if "explicit" not in entry:
        return None
    described = file.mapping(entry["explicit"], "explicit")
    width = file.integer(described.get("width"), "width of explicit", least=1, most=MAX_TEXTURE_SIDE)
    height = file.integer(described.get("height"), "height of explicit", least=1, most=MAX_TEXTURE_SIDE)
    if textures is None:
        raise file.fault("its PBR textures, which the neural material builds upon, are missing")
    for texture in textures:
        if texture.shape != (height, width, 3):
            raise file.fault(
                f"a PBR texture is {texture.shape[1]}x{texture.shape[0]}, the neural material expects "
                f"{width}x{height}; use the file as it was before its textures were resized"
            )
    view = file.mapping(described.get("heightMap"), "heightMap").get("bufferView")
    base_color, orm, normal = textures
    codes = file.array(view, "uint16", (height, width), "the height map")
    has_occlusion = file.flag(described.get("hasOcclusion"), "hasOcclusion")
    return ExplicitMaps(base_color, orm, normal, codes, has_occlusion)


def _read_latents(file: GltfFile, entry: dict[str, Any]) -> dict[str, npt.NDArray[np.float16]]:
    found: dict[str, npt.NDArray[np.float16]] = {}
    for described in file.mappings(entry.get("latents"), "latents"):
        name = file.text(described.get("name"), "name of a latent texture")[:40]
        label = f"latent {name!r}"
        width = file.integer(described.get("width"), f"width of {label}", least=1, most=MAX_LATENT_SIDE)
        height = file.integer(described.get("height"), f"height of {label}", least=1, most=MAX_LATENT_SIDE)
        channels = file.integer(described.get("channels"), f"channels of {label}", least=1, most=1024)
        found[name] = file.array(described.get("bufferView"), "float16", (height, width, channels), label)
    return found


def _read_networks(file: GltfFile, entry: dict[str, Any]) -> dict[str, Network]:
    found: dict[str, Network] = {}
    for described in file.mappings(entry.get("networks"), "networks"):
        name = file.text(described.get("name"), "name of a network")[:40]
        layers = []
        for layer in file.mappings(described.get("layers"), f"layers of network {name!r}"):
            label = f"a layer of network {name!r}"
            inputs = file.integer(layer.get("inputs"), f"inputs of {label}", least=1, most=MAX_LAYER_WIDTH)
            outputs = file.integer(layer.get("outputs"), f"outputs of {label}", least=1, most=MAX_LAYER_WIDTH)
            packed = file.array(layer.get("bufferView"), "float32", ((inputs + 1) * outputs,), label)
            split = inputs * outputs
            layers.append(Layer(packed[:split].reshape(outputs, inputs), packed[split:]))
        names = described.get("inputs")
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise file.fault(f"inputs of network {name!r} is not a list of names")
        activation = file.text(described.get("activation"), f"activation of network {name!r}")
        try:
            found[name] = Network(tuple(names), tuple(layers), activation)  # type: ignore[arg-type]
        except InputError as error:
            raise file.fault(f"network {name!r}: {error}") from error
    return found


def read_evaluations(file: GltfFile, entry: dict[str, Any]) -> Evaluations:
    """Read the reference evaluations of the extension's JSON object.

    Raises:
        InputError: one is not complete.
    """
    rows = file.mappings(entry.get("evaluations", []), "evaluations")

    def column(key: str, count: int) -> Doubles:
        values = [file.numbers(row.get(key), f"{key} of an evaluation", count) for row in rows]
        return np.asarray(values, np.float64).reshape(len(rows), count)

    footprint = [file.number(row.get("footprint"), "footprint of an evaluation") for row in rows]
    return Evaluations(
        column("uv", 2), np.asarray(footprint, np.float64), column("wo", 3), column("wi", 3), column("rgb", 3)
    )
