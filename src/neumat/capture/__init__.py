"""Rendered captures of materials by Mitsuba 3 (extra `capture`)."""
