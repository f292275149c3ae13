"""Names from files and prompts, reduced to what is safe in file names and in generated source."""

from __future__ import annotations

import re


def safe_name(text: str, *, fallback: str = "material", limit: int = 64) -> str:
    """Reduce `text` to at most `limit` characters of [A-Za-z0-9_-]; `fallback` when nothing is left."""
    reduced = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:limit]
    return reduced or fallback
