"""The truth kernel is one source for all devices: it compiles for CUDA as it does for C++."""

from __future__ import annotations

from neumat.compiler import compile_slang
from neumat.compiler.native import shader_folder

_ENTRY = """
import truth;

StructuredBuffer<float4> queries;
RWStructuredBuffer<float4> answers;

[numthreads(64, 1, 1)]
void truthBatch(uint3 id : SV_DispatchThreadID)
{
    float4 q = queries[id.x];
    float3 x = truthPixel(q.xy, q.z, float3(0.0f, 0.0f, 1.0f), float3(0.6f, 0.0f, 0.8f), 0, 3, 16, id.x);
    answers[id.x] = float4(x, 1.0f);
}
"""


def test_the_kernel_compiles_for_cuda_and_for_vulkan() -> None:
    cuda = compile_slang(_ENTRY, target="cuda", include=[shader_folder()], entry="truthBatch").decode()
    assert "__global__" in cuda
    assert "truthBatch" in cuda
    spirv = compile_slang(_ENTRY, target="spirv", include=[shader_folder()], entry="truthBatch")
    assert spirv[:4] == b"\x03\x02\x23\x07"
