"""Runs a package's WGSL on WebGPU (the wgpu package) and writes f of the test vectors as JSON.

    python wgpu_port.py PACKAGE RESULTS        leaves with 77 where there is no adapter

Only the package is read, as an integrator would; heights go to r32float, since r16unorm is optional in WebGPU.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

# One thread a group: wgpu clamps coordinates by textureDimensions of their level, and Mesa's software driver answers
# that for one level in all threads of a vector.
MAIN = """
struct Query { uv_footprint : vec4<f32>, wo : vec4<f32>, wi : vec4<f32> };
@binding(0) @group(1) var<storage, read> queries : array<Query>;
@binding(1) @group(1) var<storage, read_write> results : array<vec4<f32>>;
@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id : vec3<u32>)
{
    let q = queries[id.x];
    var hit : vec4<f32>; var color : vec4<f32>; var surface : vec4<f32>;
    var latent0 : vec4<f32>; var latent1 : vec4<f32>; var latent2 : vec4<f32>;
    P_prepare(q.uv_footprint.xy, q.uv_footprint.z, q.wo.xyz, &hit, &color, &surface, &latent0, &latent1, &latent2);
    results[id.x] = vec4<f32>(
        P_evaluate(hit, color, surface, latent0, latent1, latent2, q.wo.xyz, q.wi.xyz), 0.0);
}
"""
NO_ADAPTER = 77
BYTES = {"rgba8unorm-srgb": 4, "rgba8unorm": 4, "r16unorm": 2, "rgba16float": 8, "rgba32float": 16}


def texture(wgpu: Any, device: Any, resource: dict[str, Any], data: bytes) -> Any:
    kind, size = resource["webgpu"], BYTES[resource["webgpu"]]
    width, height, levels = resource["width"], resource["height"], resource.get("levels", 1)
    if kind == "r16unorm":
        data = (np.frombuffer(data, "<u2").astype(np.float32) / np.float32(65535.0)).tobytes()
        kind, size = "r32float", 4
    made = device.create_texture(
        size=(width, height, 1), format=kind, mip_level_count=levels,
        usage=wgpu.TextureUsage.TEXTURE_BINDING | wgpu.TextureUsage.COPY_DST,
    )  # fmt: skip
    for level in range(levels):
        count = width * height * size
        device.queue.write_texture(
            {"texture": made, "mip_level": level}, data[:count], {"bytes_per_row": width * size}, (width, height, 1)
        )
        data, width, height = data[count:], max(1, width >> 1), max(1, height >> 1)
    return made.create_view()


def main(package: Path, results: Path) -> int:
    import wgpu

    try:
        device = wgpu.gpu.request_adapter_sync().request_device_sync()
    except Exception as error:
        print(error)
        return NO_ADAPTER
    manifest = json.loads((package / "manifest.json").read_text())
    vectors = json.loads((package / "test_vectors.json").read_text())
    target = manifest["targets"]["wgsl"]
    code = (package / target["file"]).read_text() + MAIN.replace("P_", manifest["prefix"] + "_")
    layout, entries = [], []
    for binding in target["bindings"]:
        resource = manifest["resources"][binding["resource"]]
        data = (package / resource["file"]).read_bytes()[148 if resource["file"].endswith(".dds") else 0 :]
        view = texture(wgpu, device, {**resource, **manifest["formats"][resource["format"]]}, data)
        entries.append({"binding": binding["index"], "resource": view})
        layout.append(
            {"binding": binding["index"], "visibility": wgpu.ShaderStage.COMPUTE,
             "texture": {"sample_type": "unfilterable-float"}}
        )  # fmt: skip
    count = len(vectors["case"])
    queries = np.zeros((count, 3, 4), np.float32)
    queries[:, 0, :2], queries[:, 0, 2] = vectors["uv"], vectors["footprint"]
    queries[:, 1, :3], queries[:, 2, :3] = vectors["wo"], vectors["wi"]
    given = device.create_buffer_with_data(data=queries.tobytes(), usage=wgpu.BufferUsage.STORAGE)
    found = device.create_buffer(size=16 * count, usage=wgpu.BufferUsage.STORAGE | wgpu.BufferUsage.COPY_SRC)
    kinds = ("read-only-storage", "storage")
    layouts = [
        device.create_bind_group_layout(entries=layout),
        device.create_bind_group_layout(
            entries=[
                {"binding": i, "visibility": wgpu.ShaderStage.COMPUTE, "buffer": {"type": kind}}
                for i, kind in enumerate(kinds)
            ]
        ),
    ]
    groups = [
        device.create_bind_group(layout=layouts[0], entries=entries),
        device.create_bind_group(
            layout=layouts[1],
            entries=[{"binding": i, "resource": {"buffer": one}} for i, one in enumerate((given, found))],
        ),
    ]
    pipeline = device.create_compute_pipeline(
        layout=device.create_pipeline_layout(bind_group_layouts=layouts),
        compute={"module": device.create_shader_module(code=code), "entry_point": "main"},
    )
    encoder = device.create_command_encoder()
    work = encoder.begin_compute_pass()
    work.set_pipeline(pipeline)
    for index, group in enumerate(groups):
        work.set_bind_group(index, group)
    work.dispatch_workgroups(count)
    work.end()
    device.queue.submit([encoder.finish()])
    f = np.frombuffer(device.queue.read_buffer(found), np.float32).reshape(count, 4)[:, :3]
    results.write_text(json.dumps(f.astype(float).tolist()))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
