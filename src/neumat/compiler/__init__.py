"""Slang to shading languages, and Slang's C++ to a library that runs in process.

It stands below the materials, because the truth sampler is compiled by it as well as the shaders.
"""

from neumat.compiler.cpp import build_library, find_compiler
from neumat.compiler.slang import TARGETS, compile_slang, slang_version

__all__ = ["TARGETS", "build_library", "compile_slang", "find_compiler", "slang_version"]
