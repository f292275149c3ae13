"""Every target of both default forms, and the texture code path run in process through Slang's texture interface."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from neumat.compiler import TARGETS, build_library, compile_slang
from neumat.compiler.native import pointer, shader_folder
from neumat.compiler.slang import slang_version
from neumat.materials.color import decode_srgb8
from neumat.materials.neural import NeuralMaterial
from neumat.materials.synthetic import small_material
from neumat.shading.bindings import BATCH_SIZE, texture_names
from neumat.shading.emit import emit, material_source
from neumat.shading.ports import check_by_front_end
from neumat.shading.program import ShaderProgram, shader_program
from neumat.shading.symbols import prefixed, signature
from neumat.shading.test_vectors import make_vectors
from neumat.shading.textures import decoded_levels, explicit_levels, textures, weights_texture

DEFAULTS = {"hybrid": (32, 32), "neumip": (64,) * 4}


@pytest.fixture(scope="module", params=list(DEFAULTS))
def material(request: pytest.FixtureRequest) -> NeuralMaterial:
    return small_material(request.param, seed=11, hidden=DEFAULTS[request.param])


@pytest.fixture(scope="module")
def program(material: NeuralMaterial) -> ShaderProgram:
    return shader_program(material)


@pytest.mark.parametrize("weights", ["auto", "buffer", "texture", "constant"])
@pytest.mark.parametrize("target", list(TARGETS))
def test_every_target_compiles(program: ShaderProgram, target: str, weights: str) -> None:
    code = emit(program, material_source(program), target, weights)  # type: ignore[arg-type]
    if TARGETS[target].binary:
        words = np.frombuffer(code, "<u4")
        assert words[0] == 0x07230203
        assert b"evaluate_batch" in code
    else:
        text = code.decode()
        assert "[unroll]" not in text
        assert signature(text, "synthetic_11_prepare")
        assert signature(text, "synthetic_11_evaluate")
        if target in ("glsl", "hlsl"):
            check_by_front_end(target, text, "synthetic_11")


def test_spirv_is_validated_on_the_way(program: ShaderProgram) -> None:
    # An instruction whose operands don't match its type gets past the compiler and not past the validator.
    source = """
    RWStructuredBuffer<float> o;
    [shader("compute")] [numthreads(1, 1, 1)] void evaluate_batch(uint3 id : SV_DispatchThreadID)
    {
        float x = o[0];
        o[1] = spirv_asm { result : $$float = OpIAdd $x $x; };
    }
    """
    with pytest.raises(Exception, match=r"(?i)valid|IAdd|int"):
        compile_slang(source, target="spirv", entry="evaluate_batch")


@pytest.mark.slow
def test_cuda_is_translated_where_its_compiler_is_there(program: ShaderProgram) -> None:
    code = emit(program, material_source(program), "cuda", "auto").decode()
    assert check_by_front_end("cuda", code, "synthetic_11") in (None, "nvcc")


def test_two_materials_fit_in_one_file() -> None:
    sources = []
    for name, seed in (("first", 1), ("second", 2)):
        made = small_material("hybrid", seed=seed, hidden=(8,))
        one = shader_program(NeuralMaterial(**{**vars(made), "name": name}))
        sources.append(emit(one, material_source(one), "glsl", "auto").decode())
    header, _, rest = sources[1].partition("layout(column_major) buffer;")
    assert header.startswith("#version")
    both = sources[0] + "\n".join(line for line in rest.splitlines() if not line.startswith("#"))
    # None where no front end is installed; raises where the names collide.
    assert check_by_front_end("glsl", both, "first") in (None, "glslangValidator", "glslc")


def test_the_compiler_tells_its_version() -> None:
    assert slang_version()


_TEXTURE_DRIVER = """
struct Level { int width; int height; const float* texels; };
struct MemoryTexture : ITexture
{
    const Level* levels;
    int count;
    TextureDimensions GetDimensions(int) override { return {}; }
    void Load(const int32_t* at, void* out, size_t size) override
    {
        float* to = (float*)out;
        const Level& level = levels[at[2] < count ? at[2] : 0];
        bool inside = at[2] >= 0 && at[2] < count && at[0] >= 0 && at[0] < level.width && at[1] >= 0 &&
                      at[1] < level.height;
        for (size_t c = 0; c < size / 4; c++)
            to[c] = inside ? level.texels[4 * ((size_t)at[1] * level.width + at[0]) + c] : 1e30f;
    }
    void Sample(SamplerState, const float*, void*, size_t) override {}
    void SampleLevel(SamplerState, const float*, float, void*, size_t) override {}
};
extern "C" __attribute__((visibility("default"))) void run(
    const int32_t* counts, const Level* levels, int64_t n, const float* uv, const float* footprint, const float* wo,
    const float* wi, float* f)
{
    MemoryTexture textures[16];
    for (int i = 0; i < NAMES; i++)
    {
        textures[i].levels = levels;
        textures[i].count = counts[i];
        levels += counts[i];
    }
    P_GlobalParams_0 globals = {};
    BIND
    P_KernelContext_0 context = {&globals};
    for (int64_t i = 0; i < n; i++)
    {
        Vector<float, 4> p[6];
        Vector<float, 3> view = {wo[3 * i], wo[3 * i + 1], wo[3 * i + 2]};
        Vector<float, 3> light = {wi[3 * i], wi[3 * i + 1], wi[3 * i + 2]};
        P_prepare({uv[2 * i], uv[2 * i + 1]}, footprint[i], view, p, p + 1, p + 2, p + 3, p + 4, p + 5, &context);
        Vector<float, 3> r = P_evaluate(p[0], p[1], p[2], p[3], p[4], p[5], view, light, &context);
        f[3 * i] = r.x; f[3 * i + 1] = r.y; f[3 * i + 2] = r.z;
    }
}
"""


class _Level(ctypes.Structure):
    _fields_ = (("width", ctypes.c_int), ("height", ctypes.c_int), ("texels", ctypes.c_void_p))


def as_a_gpu_reads(texel_format: str, level: np.ndarray) -> np.ndarray:
    """(h, w, 4) float32: what Load returns for a texel format."""
    if texel_format == "rgba8_srgb":
        return decode_srgb8(level)
    if texel_format == "rgba8":
        return level.astype(np.float32) / np.float32(255.0)
    if texel_format == "r16":
        return np.repeat(level[..., None].astype(np.float32) / np.float32(65535.0), 4, axis=-1)
    return level.astype(np.float32)


def test_the_texture_path_agrees_with_the_reference(material: NeuralMaterial, program: ShaderProgram) -> None:
    levels = explicit_levels(material.explicit)
    vectors = make_vectors(material, decoded_levels(levels))
    source = material_source(program)
    code = compile_slang(source, target="cpp", include=[shader_folder()], defines={"NEUMAT_WEIGHTS": "0"}).decode()
    prefix = material.name
    names = [*texture_names(material.form), "weights"]
    bind = "\n".join(f"    globals.{prefix}_{name}.texture = &textures[{i}];" for i, name in enumerate(names))
    driver = _TEXTURE_DRIVER.replace("BIND", bind).replace("NAMES", str(len(names))).replace("P_", f"{prefix}_")
    library = build_library(prefixed(code, prefix) + driver, flags=("-O1",))
    stored = [[as_a_gpu_reads(t.format, level) for level in t.levels] for t in textures(material, levels)]
    stored.append([weights_texture(program.weights)])
    flat = [np.ascontiguousarray(level, np.float32) for texture in stored for level in texture]
    table = (_Level * len(flat))(*(_Level(a.shape[1], a.shape[0], a.ctypes.data) for a in flat))
    counts = np.array([len(texture) for texture in stored], np.int32)
    f = np.full((BATCH_SIZE, 3), np.nan, np.float32)
    inputs = (vectors.uv, vectors.footprint, vectors.wo, vectors.wi)
    library.run(pointer(counts), table, ctypes.c_int64(BATCH_SIZE), *map(pointer, inputs), pointer(f))
    assert vectors.errors(f).max() <= 1.0


def test_the_library_that_ships_is_the_one_that_runs() -> None:
    assert (Path(shader_folder()) / "bindings.h").is_file()
    assert (Path(shader_folder()) / "codes.slang").is_file()
