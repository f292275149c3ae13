"""All families by name."""

from __future__ import annotations

import difflib

from neumat.errors import InputError
from neumat.procedural import brick, cobblestone, tread_plate
from neumat.procedural.family import Family

FAMILIES: dict[str, Family] = {
    known.name: known for known in (brick.FAMILY, cobblestone.FAMILY, tread_plate.FAMILY)
}  # fmt: skip


def family(name: str) -> Family:
    """The family called `name`; case, spaces and hyphens don't matter.

    Raises:
        InputError: there is none; the message gives the nearest names.
    """
    key = name.strip().lower().replace(" ", "_").replace("-", "_")
    if key in FAMILIES:
        return FAMILIES[key]
    near = difflib.get_close_matches(key, FAMILIES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(FAMILIES)}"
    raise InputError(f"no procedural family {name!r}; {hint}")
