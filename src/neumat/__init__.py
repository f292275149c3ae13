"""neumat: real-time neural materials, from PBR maps to shaders, glTF and pictures."""

__version__ = "0.1.0"
