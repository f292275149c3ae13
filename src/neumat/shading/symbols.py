"""Names in emitted code: safe prefixes, and one prefix on everything that a file defines at its top level."""

from __future__ import annotations

import re

from neumat.names import safe_name

_WINDOWS_DEVICES = re.compile(r"(?i)con|prn|aux|nul|com[0-9]|lpt[0-9]")
_NAME = re.compile(r"\b[A-Za-z_]\w*_\d+\b|\bSLANG_globalParams\b|\bevaluate_batch\b")


def identifier(name: str) -> str:
    """Reduce a material's name to an identifier that every shading language accepts, [A-Za-z][A-Za-z0-9_]*.

    No two underscores stand together and none at an end, since some languages reserve those names; names that begin
    with a digit or with ``gl_`` get ``material_`` in front, names of Windows devices too.
    """
    reduced = re.sub("_+", "_", safe_name(name).replace("-", "_")).strip("_") or "material"
    if reduced[0].isdigit() or reduced.lower().startswith("gl_") or _WINDOWS_DEVICES.fullmatch(reduced):
        return f"material_{reduced}"
    return reduced


def prefixed(code: str, prefix: str) -> str:
    """Put `prefix` in front of all that Slang named at the top level, so that two materials fit in one program.

    Slang ends such names in ``_0``; exported names carry the prefix already and are left alone.
    """
    found: set[str] = set()
    for line in code.splitlines():
        # Slang indents all that stands inside a definition.
        if line[:1].strip() and "_" in line and not line.startswith("//"):
            found.update(match.group() for match in _NAME.finditer(line) if _declares(line, match))
    names = {name for name in found if not name.startswith(f"{prefix}_")}
    if not names:
        return code
    pattern = re.compile(r"\b(?:" + "|".join(sorted(names, key=len, reverse=True)) + r")\b")
    return pattern.sub(lambda match: f"{prefix}_{match.group()}", code)


def _declares(line: str, match: re.Match[str]) -> bool:
    """Whether a name is what its line declares, or its type, not a parameter."""
    before = line[: match.start()]
    return before.count("(") == before.count(")")


def signature(code: str, function: str) -> str:
    """The line of `code` that defines `function`, up to its body.

    Raises:
        ValueError: there is none.
    """
    match = re.search(rf"^[^\s#][^;{{}}\n]*\b{re.escape(function)}\s*\([^;{{}}]*?\)[^;{{}}\n]*$", code, re.MULTILINE)
    if match is None:
        raise ValueError(function)
    return " ".join(match.group().split())
