"""Runs a package's GLSL as a compute shader in a headless OpenGL 4.5 context and writes f of the test vectors as JSON.

    python gl_port.py PACKAGE RESULTS        leaves with 77 where there is no such context

Only the package is read, as an integrator would.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

MAIN = """
layout(local_size_x = 64) in;
struct Query { vec4 uv_footprint; vec4 wo; vec4 wi; };
layout(std430, binding = 0) readonly buffer Queries { Query queries[]; };
layout(std430, binding = 1) writeonly buffer Results { vec4 results[]; };
void main()
{
    Query q = queries[gl_GlobalInvocationID.x];
    vec4 hit, color, surface, latent0, latent1, latent2;
    P_prepare(q.uv_footprint.xy, q.uv_footprint.z, q.wo.xyz, hit, color, surface, latent0, latent1, latent2);
    vec3 f = P_evaluate(hit, color, surface, latent0, latent1, latent2, q.wo.xyz, q.wi.xyz);
    results[gl_GlobalInvocationID.x] = vec4(f, 0.0);
}
"""
NO_CONTEXT = 77


def context():
    import pyglet

    pyglet.options["headless"] = True
    from pyglet import gl
    from pyglet.window import Window

    return gl, Window(16, 16, config=gl.Config(major_version=4, minor_version=5), visible=False)


def program(gl, source: str) -> None:
    shader = gl.glCreateShader(gl.GL_COMPUTE_SHADER)
    text = ctypes.create_string_buffer(source.encode())
    char = ctypes.POINTER(ctypes.c_char)
    gl.glShaderSource(shader, 1, ctypes.cast((char * 1)(ctypes.cast(text, char)), ctypes.POINTER(char)), None)
    gl.glCompileShader(shader)
    linked = gl.glCreateProgram()
    gl.glAttachShader(linked, shader)
    gl.glLinkProgram(linked)
    for log, thing in ((gl.glGetShaderInfoLog, shader), (gl.glGetProgramInfoLog, linked)):
        message = ctypes.create_string_buffer(4000)
        log(thing, 4000, None, message)
        if b"error" in message.value.lower():
            sys.exit(message.value.decode())
    gl.glUseProgram(linked)


def texture(gl, unit: int, resource: dict, data: bytes) -> None:
    layouts = {
        "GL_SRGB8_ALPHA8": (gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, 4), "GL_RGBA8": (gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, 4),
        "GL_R16": (gl.GL_RED, gl.GL_UNSIGNED_SHORT, 2), "GL_RGBA16F": (gl.GL_RGBA, gl.GL_HALF_FLOAT, 8),
        "GL_RGBA32F": (gl.GL_RGBA, gl.GL_FLOAT, 16),
    }  # fmt: skip
    layout, kind, size = layouts[resource["gl"]]
    name = gl.GLuint()
    gl.glGenTextures(1, name)
    gl.glActiveTexture(gl.GL_TEXTURE0 + unit)
    gl.glBindTexture(gl.GL_TEXTURE_2D, name)
    width, height, levels = resource["width"], resource["height"], resource.get("levels", 1)
    for level in range(levels):
        count = width * height * size
        pixels = ctypes.c_char_p(data[:count])
        gl.glTexImage2D(
            gl.GL_TEXTURE_2D, level, getattr(gl, resource["gl"]), width, height, 0, layout, kind, pixels
        )  # fmt: skip
        data, width, height = data[count:], max(1, width >> 1), max(1, height >> 1)
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAX_LEVEL, levels - 1)
    nearest = gl.GL_NEAREST_MIPMAP_NEAREST if levels > 1 else gl.GL_NEAREST
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MIN_FILTER, nearest)
    gl.glTexParameteri(gl.GL_TEXTURE_2D, gl.GL_TEXTURE_MAG_FILTER, gl.GL_NEAREST)


def main(package: Path, results: Path) -> int:
    try:
        gl, _window = context()
    except Exception as error:
        print(error)
        return NO_CONTEXT
    manifest = json.loads((package / "manifest.json").read_text())
    vectors = json.loads((package / "test_vectors.json").read_text())
    target = manifest["targets"]["glsl"]
    program(gl, (package / target["file"]).read_text() + MAIN.replace("P_", manifest["prefix"] + "_"))
    gl.glPixelStorei(gl.GL_UNPACK_ALIGNMENT, 1)
    for binding in target["bindings"]:
        resource = manifest["resources"][binding["resource"]]
        data = (package / resource["file"]).read_bytes()[148 if resource["file"].endswith(".dds") else 0 :]
        texture(gl, binding["index"], {**resource, **manifest["formats"][resource["format"]]}, data)
    count = len(vectors["case"])
    queries, found = np.zeros((count, 3, 4), np.float32), np.zeros((count, 4), np.float32)
    queries[:, 0, :2], queries[:, 0, 2] = vectors["uv"], vectors["footprint"]
    queries[:, 1, :3], queries[:, 2, :3] = vectors["wo"], vectors["wi"]
    for index, array in enumerate((queries, found)):
        buffer = gl.GLuint()
        gl.glGenBuffers(1, buffer)
        gl.glBindBuffer(gl.GL_SHADER_STORAGE_BUFFER, buffer)
        gl.glBufferData(gl.GL_SHADER_STORAGE_BUFFER, array.nbytes, array.ctypes.data, gl.GL_DYNAMIC_DRAW)
        gl.glBindBufferBase(gl.GL_SHADER_STORAGE_BUFFER, index, buffer)
    gl.glDispatchCompute(count // target.get("group_size", 64), 1, 1)
    gl.glMemoryBarrier(gl.GL_BUFFER_UPDATE_BARRIER_BIT)
    gl.glGetBufferSubData(gl.GL_SHADER_STORAGE_BUFFER, 0, found.nbytes, found.ctypes.data)
    results.write_text(json.dumps(found[:, :3].astype(float).tolist()))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
