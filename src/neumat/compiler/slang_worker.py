"""The process in which Slang's compiler library runs: a crash or a hang in it takes down only this process.

Reads one JSON request a line, ``{"arguments": [...], "entry_points": n}``, and answers one JSON line,
``{"ok": bool, "diagnostics": str, "code": base64}``. It is started with ``python -P slang_worker.py LIBRARY``
and imports nothing of neumat, so that it starts at once.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import sys
from typing import Any


class SlangLibrary:
    """The few calls of Slang's C interface that one compile needs."""

    def __init__(self, path: str) -> None:
        lib = ctypes.CDLL(path)
        pointer, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        signatures: list[tuple[str, Any, list[Any]]] = [
            ("spCreateSession", pointer, [text]),
            ("spGetBuildTagString", text, []),
            ("spCreateCompileRequest", pointer, [pointer]),
            ("spDestroyCompileRequest", None, [pointer]),
            ("spProcessCommandLineArguments", integer, [pointer, ctypes.POINTER(text), integer]),
            ("spCompile", integer, [pointer]),
            ("spGetDiagnosticOutput", text, [pointer]),
            ("spGetEntryPointCode", pointer, [pointer, integer, ctypes.POINTER(ctypes.c_size_t)]),
            ("spGetTargetCodeBlob", integer, [pointer, integer, ctypes.POINTER(pointer)]),
        ]
        for name, result, arguments in signatures:
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        self.lib = lib
        self.session = lib.spCreateSession(None)

    def compile(self, arguments: list[str], whole_program: bool) -> tuple[bool, str, bytes]:
        """Compile by slangc's own arguments; return success, diagnostics and the code of the one target."""
        lib = self.lib
        request = lib.spCreateCompileRequest(self.session)
        try:
            encoded = [a.encode() for a in arguments]
            array = (ctypes.c_char_p * len(encoded))(*encoded)
            good = lib.spProcessCommandLineArguments(request, array, len(encoded)) >= 0
            good = good and lib.spCompile(request) >= 0
            code = b""
            if good:
                code = self._blob(request) if whole_program else self._entry_point(request)
            diagnostics = (lib.spGetDiagnosticOutput(request) or b"").decode(errors="replace")
            return good and bool(code), diagnostics, code
        finally:
            lib.spDestroyCompileRequest(request)

    def _entry_point(self, request: int) -> bytes:
        size = ctypes.c_size_t()
        data = self.lib.spGetEntryPointCode(request, 0, ctypes.byref(size))
        return ctypes.string_at(data, size.value) if data else b""

    def _blob(self, request: int) -> bytes:
        blob = ctypes.c_void_p()
        if self.lib.spGetTargetCodeBlob(request, 0, ctypes.byref(blob)) < 0 or not blob.value:
            return b""
        # ISlangBlob is a COM object: queryInterface, addRef, release, getBufferPointer, getBufferSize.
        table = ctypes.cast(blob, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
        pointer = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(table[3])
        length = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p)(table[4])
        release = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)(table[2])
        code = ctypes.string_at(pointer(blob), length(blob))
        release(blob)
        return code


def serve(library_path: str) -> None:
    """Answer requests from standard input until it closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the library prints must not mix with the answers
    library = SlangLibrary(library_path)
    tag = library.lib.spGetBuildTagString() or b""
    answers.write(json.dumps({"version": tag.decode()}) + "\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        ok, diagnostics, code = library.compile(request["arguments"], request["whole_program"])
        answer = {"ok": ok, "diagnostics": diagnostics, "code": base64.b64encode(code).decode()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
