"""The .neumat file: a neural material as safetensors with a JSON description; ``docs/format.md`` gives the bytes.

Files may come from anywhere: description and tensor table are checked in full before a tensor is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from neumat.errors import InputError, VersionError
from neumat.materials.container import Header, open_container, parse_json, read_tensor, shown, write_container
from neumat.materials.neural import (
    FEATURES,
    LATENT_CHANNELS,
    LATENTS,
    MAX_LATENT_SIDE,
    MAX_LAYER_WIDTH,
    MAX_LAYERS,
    MAX_TEXTURE_SIDE,
    NETWORKS,
    ExplicitMaps,
    Layer,
    Network,
    NeuralMaterial,
)

FORMAT = 1
#: The first version of neumat that reads what this one writes.
_READER = "0.1.0"
#: How texels mean values, by tensor; a reader knows these and no others.
ENCODINGS = {
    "base_color": "srgb8",
    "orm": "unorm8 occlusion roughness metallic",
    "normal": "snorm8 2c/255-1 y-up",
    "height": "unorm16",
    "latent": "float16",
}
_EXPLICIT = ("base_color", "orm", "normal", "height")
_EXPLICIT_DTYPES = {"base_color": "U8", "orm": "U8", "normal": "U8", "height": "U16"}
_NUMBERS = ("height_scale", "offset_range", "physical_size")
_COUNTS = ("resolution", "march_steps", "secant_steps", "light_steps")
_FIELDS = {
    "format", "reader", "form", "name", *_NUMBERS, *_COUNTS, "height_range", "output", "tileable", "color_space",
    "encodings", "explicit", "latents", "networks", "decoder", "provenance",
}  # fmt: skip
_COLOR_SPACE = "lin_rec709"


class _Expected(NamedTuple):
    """What the description says that a tensor is."""

    dtype: str
    shape: tuple[int, ...]


def decoder_hash(material: NeuralMaterial) -> str:
    """Return the sha256 (hex) of the networks' bytes: materials that share a decoder share it.

    Networks in alphabetic order, of each layer the weights (out, in), row by row, then the biases, as little-endian
    float32.
    """
    return _hash(material.networks)


def _hash(networks: dict[str, Network]) -> str:
    digest = hashlib.sha256()
    for name in sorted(networks):
        for layer in networks[name].layers:
            digest.update(np.ascontiguousarray(layer.weight, "<f4").tobytes())
            digest.update(np.ascontiguousarray(layer.bias, "<f4").tobytes())
    return digest.hexdigest()


def save(material: NeuralMaterial, path: str | Path) -> None:
    """Write a material to a .neumat file; the same material gives the same bytes.

    Raises:
        InputError: the provenance holds what JSON cannot, or is too long.
        OutputError: the file cannot be written.
    """
    tensors: dict[str, npt.NDArray[Any]] = {}
    if material.explicit is not None:
        tensors.update({name: getattr(material.explicit, name) for name in _EXPLICIT})
    tensors.update({f"latent.{name}": texture for name, texture in material.latents.items()})
    for name, network in material.networks.items():
        for index, layer in enumerate(network.layers):
            tensors[f"network.{name}.{index}.weight"] = layer.weight
            tensors[f"network.{name}.{index}.bias"] = layer.bias
    try:
        description = json.dumps(
            _describe(material), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
        )
        parse_json(description, "provenance")  # what load would refuse is not written
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{material.name}: provenance cannot be stored as JSON ({error})") from error
    write_container(path, tensors, {"neumat": description})


def _describe(material: NeuralMaterial) -> dict[str, Any]:
    explicit = material.explicit
    described: dict[str, Any] = {
        "format": FORMAT,
        "reader": _READER,
        "form": material.form,
        "name": material.name,
        "height_range": [float(value) for value in material.height_range],
        "output": material.output,
        "tileable": bool(material.tileable),
        "color_space": _COLOR_SPACE,
        "encodings": ENCODINGS,
        "explicit": None
        if explicit is None
        else {"size": list(explicit.height.shape), "has_occlusion": bool(explicit.has_occlusion)},
        "latents": {name: {"size": list(texture.shape[:2])} for name, texture in material.latents.items()},
        "networks": {
            name: {
                "inputs": list(network.inputs),
                "activation": network.activation,
                "widths": [network.input_width, *network.hidden, network.output_width],
            }
            for name, network in material.networks.items()
        },
        "decoder": decoder_hash(material),
        "provenance": material.provenance,
    }
    described.update({name: float(getattr(material, name)) for name in _NUMBERS})
    described.update({name: int(getattr(material, name)) for name in _COUNTS})
    return described


def load(path: str | Path) -> NeuralMaterial:
    """Read a .neumat file, checking it in full.

    Raises:
        VersionError: the file needs a newer neumat; the message names the version.
        InputError: the file cannot be read, is damaged, or is not a .neumat file.
    """
    with open_container(path) as (stream, header):
        description = _checked_description(header)
        _check_tensors(description, header)
        tensors = {name: read_tensor(stream, header, name) for name in header.tensors}
        return _assemble(description, tensors)


def describe(path: str | Path) -> dict[str, Any]:
    """Read and check what a .neumat file says about itself, without reading its tensors.

    Returns:
        the JSON description of ``docs/format.md``.

    Raises:
        VersionError, InputError: as `load`.
    """
    with open_container(path) as (_, header):
        description = _checked_description(header)
        _check_tensors(description, header)
        return description


def _checked_description(header: Header) -> dict[str, Any]:
    if "neumat" not in header.metadata:
        raise InputError("is not a .neumat file (its metadata has no entry 'neumat')")
    described = parse_json(header.metadata["neumat"], "its description")
    number = described.get("format") if isinstance(described, dict) else None
    if type(number) is not int or number < 1:
        raise InputError("its description has no format number")
    if number > FORMAT:
        raise VersionError(_newer(number, described.get("reader")))
    missing, unknown = sorted(_FIELDS - set(described)), sorted(set(described) - _FIELDS)
    if missing or unknown:
        what = f"lacks {missing[0]!r}" if missing else f"has an unknown field {shown(unknown[0])}"
        raise InputError(f"its description {what}")
    _check_fields(described)
    return dict(described)


def _newer(number: int, reader: Any) -> str:
    needed = f"neumat {reader} or newer" if isinstance(reader, str) and _is_version(reader) else "a newer neumat"
    try:
        this = version("neumat")
    except PackageNotFoundError:
        this = f"one that reads formats up to {FORMAT}"
    return f"format {shown(number)} needs {needed} (this is {this})"


def _is_version(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}", text) is not None


def _check_fields(described: dict[str, Any]) -> None:
    def need(ok: bool, field: str) -> None:
        if not ok:
            raise InputError(f"field {field!r} of its description is {shown(described[field])}")

    form = described["form"]
    need(isinstance(form, str) and form in NETWORKS, "form")
    for field in ("name", "output", "decoder", "reader"):
        need(isinstance(described[field], str), field)
    for field in _NUMBERS:
        need(_is_number(described[field]), field)
    for field in _COUNTS:
        need(type(described[field]) is int, field)
    pair = described["height_range"]
    need(isinstance(pair, list) and len(pair) == 2 and all(_is_number(value) for value in pair), "height_range")
    need(isinstance(described["tileable"], bool), "tileable")
    need(described["color_space"] == _COLOR_SPACE, "color_space")
    need(described["encodings"] == ENCODINGS, "encodings")
    need(isinstance(described["provenance"], dict), "provenance")
    explicit = described["explicit"]
    if explicit is not None or form == "hybrid":
        need(isinstance(explicit, dict) and set(explicit) == {"size", "has_occlusion"}, "explicit")
        need(_is_size(explicit["size"], MAX_TEXTURE_SIDE) and isinstance(explicit["has_occlusion"], bool), "explicit")
    latents, networks = described["latents"], described["networks"]
    need(isinstance(latents, dict) and set(latents) == set(LATENTS[form]), "latents")
    for latent in latents.values():
        need(
            isinstance(latent, dict) and set(latent) == {"size"} and _is_size(latent["size"], MAX_LATENT_SIDE),
            "latents",
        )
    need(isinstance(networks, dict) and set(networks) == set(NETWORKS[form]), "networks")
    for network in networks.values():
        need(isinstance(network, dict) and set(network) == {"inputs", "activation", "widths"}, "networks")
        need(_is_list_of(str, network["inputs"]) and isinstance(network["activation"], str), "networks")
        need(all(name in FEATURES for name in network["inputs"]), "networks")
        widths = network["widths"]
        need(_is_list_of(int, widths) and 2 <= len(widths) <= MAX_LAYERS + 1, "networks")
        need(all(1 <= width <= MAX_LAYER_WIDTH for width in widths), "networks")


def _is_number(value: Any) -> bool:
    # Finite, too: JSON's 1e999 is infinite in Python.
    return type(value) in (int, float) and abs(value) < 1e9


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _is_size(value: Any, largest: int) -> bool:
    return _is_list_of(int, value) and len(value) == 2 and all(1 <= side <= largest for side in value)


def _expected_tensors(described: dict[str, Any]) -> dict[str, _Expected]:
    expected: dict[str, _Expected] = {}
    if described["explicit"] is not None:
        size = tuple(described["explicit"]["size"])
        for name in _EXPLICIT:
            expected[name] = _Expected(_EXPLICIT_DTYPES[name], size if name == "height" else (*size, 3))
    for name, latent in described["latents"].items():
        expected[f"latent.{name}"] = _Expected("F16", (*latent["size"], LATENT_CHANNELS))
    for name, network in described["networks"].items():
        widths = network["widths"]
        for index, (incoming, outgoing) in enumerate(pairwise(widths)):
            expected[f"network.{name}.{index}.weight"] = _Expected("F32", (outgoing, incoming))
            expected[f"network.{name}.{index}.bias"] = _Expected("F32", (outgoing,))
    return expected


def _check_tensors(described: dict[str, Any], header: Header) -> None:
    expected = _expected_tensors(described)
    for name in sorted(set(header.tensors) - set(expected)):
        raise InputError(f"has an unknown tensor {shown(name)}")
    for name, (dtype, shape) in expected.items():
        entry = header.tensors.get(name)
        if entry is None:
            raise InputError(f"lacks the tensor {name!r}")
        if (entry.dtype, entry.shape) != (dtype, shape):
            raise InputError(
                f"tensor {name!r} is {entry.dtype} {list(entry.shape)}, its description says {dtype} {list(shape)}"
            )


def _assemble(described: dict[str, Any], tensors: dict[str, npt.NDArray[Any]]) -> NeuralMaterial:
    explicit = None
    if described["explicit"] is not None:
        maps = {name: tensors[name] for name in _EXPLICIT}
        explicit = ExplicitMaps(**maps, has_occlusion=described["explicit"]["has_occlusion"])
    networks = {}
    for name, network in described["networks"].items():
        layers = tuple(
            Layer(tensors[f"network.{name}.{index}.weight"], tensors[f"network.{name}.{index}.bias"])
            for index in range(len(network["widths"]) - 1)
        )
        networks[name] = Network(tuple(network["inputs"]), layers, network["activation"])
    if _hash(networks) != described["decoder"]:
        raise InputError("is damaged: the weights of its networks do not match their hash")
    low, high = described["height_range"]
    numbers: dict[str, Any] = {name: float(described[name]) for name in _NUMBERS}
    numbers.update({name: described[name] for name in _COUNTS})
    return NeuralMaterial(
        name=described["name"],
        form=described["form"],
        explicit=explicit,
        latents={name: tensors[f"latent.{name}"] for name in described["latents"]},
        networks=networks,
        height_range=(float(low), float(high)),
        output=described["output"],
        tileable=described["tileable"],
        provenance=described["provenance"],
        **numbers,
    )
