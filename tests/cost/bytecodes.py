"""Which of our functions cause how much work: bytecodes, each under the innermost function of ours that is running.

Python runs the same bytecodes for the same work on any machine, however it was compiled. They say nothing of time spent
in C, but they have names: callgrind sees only the interpreter.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from config.devstack.data import PROJECT

_LIBRARIES = "site-packages"


class Bytecodes:
    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._places: dict[CodeType, tuple[str, str]] = {}

    @contextlib.contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """The counts of what this thread calls inside, complete once it is left.

        Names are `file:function` of ours, with `> package` for a library that it has called.
        """
        self._counted = found = Counter()
        sys.settrace(self._called)
        try:
            yield found
        finally:
            sys.settrace(None)

    def _called(self, frame: FrameType, _event: str, _argument: object) -> Any:
        ours, library = self._place(frame.f_code)
        above = getattr(frame.f_back.f_trace, "ours", "") if frame.f_back else ""
        ours = ours or above
        name = f"{ours} > {library}" if library else ours
        counted = self._counted

        def count(_frame: FrameType, event: str, _argument: object) -> Any:
            if event == "opcode":
                counted[name] += 1
            return count

        count.ours = ours  # type: ignore[attr-defined]
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count

    def _place(self, code: CodeType) -> tuple[str, str]:
        """Our function's name, or the library that it belongs to."""
        if code not in self._places:
            self._places[code] = self._found(code)
        return self._places[code]

    def _found(self, code: CodeType) -> tuple[str, str]:
        file = Path(code.co_filename)
        if _LIBRARIES in file.parts:
            return "", file.parts[file.parts.index(_LIBRARIES) + 1].removesuffix(".py")
        if file.is_relative_to(PROJECT):
            return f"{file.relative_to(PROJECT)}:{code.co_qualname}", ""
        return "", "python"
