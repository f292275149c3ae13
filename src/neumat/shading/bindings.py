"""What the emitted code of a material binds in each target language, and what it is compiled with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neumat.errors import InputError
from neumat.shading.program import ShaderProgram
from neumat.shading.textures import LATENT_ORDER, latent_name

Weights = Literal["auto", "buffer", "constant", "texture"]
_WEIGHT_CODES = {"texture": 0, "buffer": 1, "constant": 2}
#: Largest constant buffer of Direct3D and of most Vulkan devices.
CONSTANT_BYTES = 65536
#: C++ and CUDA read storage buffers alone: Slang's C++ reaches textures by virtual calls.
STORAGE_TARGETS = ("cuda", "cpp")
#: Slang has no linkable form of SPIR-V, and stops on a Metal library; these get a compute entry point.
BATCH_TARGETS = ("spirv", "metal")
BATCH_SIZE = 64
ENTRY = "evaluate_batch"


@dataclass(frozen=True)
class Binding:
    """One thing that a shader reads: its name without the material's prefix, its kind, and its index.

    Kinds: ``texture``, ``storage_buffer``, ``constant_buffer``; ``storage_buffer_write`` for results.
    """

    name: str
    kind: str
    index: int


def texture_names(form: str) -> tuple[str, ...]:
    """Names of the feature textures of a form, in the order of their bindings."""
    explicit = ("base_color", "orm", "normal", "height") if form == "hybrid" else ()
    latents = tuple(latent_name(form, name, part) for name in LATENT_ORDER[form] for part in range(3))
    return explicit + latents


def weights_of(target: str, weights: Weights) -> str:
    """Where a target's shader reads its weights: ``texture``, ``buffer`` or ``constant``.

    ``auto`` is a texture for the languages of fragment shaders, which some engines give nothing else, and a storage
    buffer for the rest; C++ and CUDA always have a storage buffer.
    """
    if target in STORAGE_TARGETS:
        return "buffer"
    if weights == "auto":
        return "buffer" if target == "spirv" else "texture"
    return weights


def bindings(form: str, target: str, weights: Weights) -> tuple[Binding, ...]:
    """What the emitted code of a target binds, in order."""
    if target in STORAGE_TARGETS:
        explicit = ("texels", "heights") if form == "hybrid" else ()
        names = (*explicit, "latents", "weights")
        return tuple(Binding(name, "storage_buffer", index) for index, name in enumerate(names))
    found = [Binding(name, "texture", index) for index, name in enumerate(texture_names(form))]
    kind = {"texture": "texture", "buffer": "storage_buffer", "constant": "constant_buffer"}
    found.append(Binding("weights", kind[weights_of(target, weights)], len(found)))
    if target in BATCH_TARGETS:
        found.append(Binding("queries", "storage_buffer", len(found)))
        found.append(Binding("results", "storage_buffer_write", len(found)))
    return tuple(found)


def defines_of(target: str, weights: Weights) -> dict[str, str]:
    """Preprocessor definitions (bindings.h) with which a target is compiled."""
    if target in STORAGE_TARGETS:
        return {"NEUMAT_STORAGE": "1"}
    found = {"NEUMAT_WEIGHTS": str(_WEIGHT_CODES[weights_of(target, weights)])}
    if target == "glsl":
        found["NEUMAT_COMBINED"] = "1"
    if target in BATCH_TARGETS:
        found["NEUMAT_BATCH"] = "1"
    return found


def check_weights(program: ShaderProgram, weights: Weights) -> None:
    """Refuse a constant buffer that is larger than devices allow.

    Raises:
        InputError: so, or `weights` is not known.
    """
    if weights not in ("auto", *_WEIGHT_CODES):
        raise InputError(f"weights {weights!r} are not known: auto, buffer, constant or texture")
    if weights == "constant" and program.weights.nbytes > CONSTANT_BYTES:
        raise InputError(
            f"{program.name}: {program.weights.nbytes:,} bytes of weights exceed the {CONSTANT_BYTES:,} of a constant "
            "buffer; use a texture or a storage buffer"
        )
