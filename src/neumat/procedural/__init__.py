"""Procedural materials: families with parameters, tileable at any resolution."""

from neumat.procedural.family import Family, Palette, Parameter
from neumat.procedural.folder import save_folder
from neumat.procedural.library import FAMILIES, family

__all__ = ["FAMILIES", "Family", "Palette", "Parameter", "family", "save_folder"]
