from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from neumat.errors import CompilerError, InputError
from neumat.materials.neural import NeuralMaterial
from neumat.materials.synthetic import small_material
from neumat.shading.bindings import bindings, check_weights, defines_of, texture_names, weights_of
from neumat.shading.emit import emit, material_source
from neumat.shading.program import shader_program
from neumat.shading.symbols import identifier, prefixed, signature

HOSTILE = (
    "0", "9-lives", "gl_Position", "float", "main", "_x_", "a__b---c", "x_0", "float4_1", "NUL", "if", "IMaterial",
    "hybrid", "neumip", "GlobalParams_0", "Z" * 64, "max", "uv", "evaluate_batch", "rock-",
)  # fmt: skip


@pytest.fixture(scope="module")
def hybrid() -> NeuralMaterial:
    return small_material("hybrid", seed=1, hidden=(8,))


@pytest.mark.parametrize("name", HOSTILE)
def test_every_material_name_becomes_an_identifier_that_all_languages_accept(name: str) -> None:
    found = identifier(name)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", found)
    assert "__" not in found
    assert not found.endswith("_")
    assert not found.lower().startswith("gl_")
    assert found.upper() not in ("CON", "NUL", "AUX", "PRN")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", ["hlsl", "cpp"])
def test_hostile_names_compile_and_keep_the_public_functions(hybrid: NeuralMaterial, name: str, target: str) -> None:
    program = shader_program(replace(hybrid, name=name))
    code = emit(program, material_source(program), target, "auto").decode()
    assert signature(code, f"{identifier(name)}_prepare")
    assert signature(code, f"{identifier(name)}_evaluate")


@pytest.mark.parametrize("target", ["hlsl", "glsl", "wgsl", "metal", "cuda", "cpp"])
def test_all_top_level_names_carry_the_prefix(hybrid: NeuralMaterial, target: str) -> None:
    program = shader_program(replace(hybrid, name="rock"))
    code = emit(program, material_source(program), target, "auto").decode()
    own = code[code.index("rock_") :]
    # Slang suffixes what it names; at the start of a line stand definitions.
    for line in own.splitlines():
        declared = re.match(r"(?!return\b)[A-Za-z_@][^({=;]*?\b(\w+_\d+)\s*[({=;\[]", line)
        if declared:
            assert declared.group(1).startswith(("rock_", "block_rock_")), line


def test_prefixing_renames_uses_but_neither_parameters_nor_exported_names() -> None:
    code = "float pow5_0(float x_0)\n{\n    return x_0;\n}\nfloat a_f(float x_1)\n{\n    return pow5_0(x_1);\n}\n"
    assert prefixed(code, "a") == code.replace("pow5_0", "a_pow5_0")


def test_numbers_are_written_so_that_float32_reads_them_back(hybrid: NeuralMaterial) -> None:
    scale = float(np.float32(1.0) / np.float32(3.0))
    source = material_source(shader_program(replace(hybrid, height_scale=scale)))
    written = re.search(r"heightScale\(\) \{ return (\S+)f; \}", source)
    assert written is not None
    assert np.float32(written.group(1)) == np.float32(scale)


def test_the_source_is_small_and_loops_stay_loops(hybrid: NeuralMaterial) -> None:
    deep = small_material("neumip", seed=1, hidden=(64,) * 4)
    for material in (hybrid, deep):
        program = shader_program(material)
        source = material_source(program)
        assert len(source) < 9_000
        assert len(emit(program, source, "hlsl", "auto")) < 60_000


def test_weights_go_where_they_were_asked_for(hybrid: NeuralMaterial) -> None:
    program = shader_program(replace(hybrid, name="rock"))
    source = material_source(program)
    expected = {
        "texture": r"Texture2D<float4 ?> rock_weights : register\(t7\)",
        "buffer": r"StructuredBuffer<float4 ?> rock_weights : register\(t7\)",
        "constant": r"cbuffer rock_weights\w* : register\(b7\)",
    }
    for weights, pattern in expected.items():
        assert re.search(pattern, emit(program, source, "hlsl", weights).decode())  # type: ignore[arg-type]


def test_constant_buffers_of_more_than_64_kib_are_refused() -> None:
    program = shader_program(small_material("neumip", seed=1, hidden=(64,) * 4))
    with pytest.raises(InputError, match="constant buffer"):
        check_weights(program, "constant")
    with pytest.raises(InputError, match="not known"):
        check_weights(program, "sideways")  # type: ignore[arg-type]


def test_bindings_are_numbered_in_order_and_agree_with_the_code(hybrid: NeuralMaterial) -> None:
    program = shader_program(replace(hybrid, name="rock"))
    source = material_source(program)
    for target, pattern in (
        ("hlsl", r"(rock_\w+) : register\(t(\d+)\)"),
        ("metal", r"(rock_\w+?)_\d+ \[\[\w+\((\d+)\)"),
    ):
        code = emit(program, source, target, "auto").decode()
        found = {name: int(index) for name, index in re.findall(pattern, code)}
        assert found == {f"rock_{binding.name}": binding.index for binding in bindings("hybrid", target, "auto")}


def test_auto_gives_fragment_languages_a_texture_and_the_rest_a_buffer() -> None:
    assert {weights_of(target, "auto") for target in ("hlsl", "glsl", "wgsl", "metal")} == {"texture"}
    assert {weights_of(target, "auto") for target in ("spirv", "cuda", "cpp")} == {"buffer"}
    assert weights_of("cpp", "texture") == "buffer"
    assert defines_of("glsl", "auto") == {"NEUMAT_WEIGHTS": "0", "NEUMAT_COMBINED": "1"}
    assert texture_names("neumip")[0] == "rgb_latent0"


def test_an_unknown_target_is_refused(hybrid: NeuralMaterial) -> None:
    program = shader_program(hybrid)
    with pytest.raises(InputError, match="pascal"):
        emit(program, material_source(program), "pascal", "auto")


def test_a_compile_that_takes_too_long_is_stopped_and_the_next_one_works(hybrid: NeuralMaterial) -> None:
    program = shader_program(hybrid)
    source = material_source(program)
    with pytest.raises(CompilerError, match="no answer within"):
        emit(program, source, "cuda", "auto", timeout=1e-6)
    assert emit(program, source, "wgsl", "auto")


def test_an_error_of_the_compiler_names_its_reason(hybrid: NeuralMaterial) -> None:
    program = shader_program(hybrid)
    with pytest.raises(CompilerError, match="error"):
        emit(program, material_source(program).replace("IMaterial", "INothing"), "hlsl", "auto")
