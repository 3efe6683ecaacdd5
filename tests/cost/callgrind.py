"""valgrind's callgrind around parts of a Python program: what runs inside is counted under a name.

Counting is switched by client requests: instructions without effect that valgrind recognises. Its header has them as
macros for C; here they are written out, so that no compiler is needed.
"""

import contextlib
import ctypes
import mmap
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

# valgrind.h, __SPECIAL_INSTRUCTION_PREAMBLE and VALGRIND_DO_CLIENT_REQUEST_EXPR of amd64, as a function of one pointer.
_REQUEST = bytes.fromhex(
    "4889f8"  # mov rax, rdi: the request and its arguments
    "31d2"  # xor edx, edx: the answer where no valgrind is
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi, 3, 13, 61 and 51: 128 bits, so rdi is as before
    "4887db"  # xchg rbx, rbx
    "4889d0"  # mov rax, rdx
    "c3"  # ret
)
_RUNNING_ON_VALGRIND = 0x1001
# callgrind.h, counted from VG_USERREQ_TOOL_BASE('C', 'T').
_ZERO_STATS, _DUMP_STATS_AT, _START_INSTRUMENTATION = (0x43540000 + number for number in (1, 3, 4))


class Callgrind:
    """The valgrind that this process runs under; without one nothing happens."""

    def __init__(self) -> None:
        self._code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(_REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._call = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)
        self.running = bool(self._request(_RUNNING_ON_VALGRIND))

    def start(self) -> None:
        """Begin to count. Before, a program runs ten times as fast."""
        self._request(_START_INSTRUMENTATION)

    @contextlib.contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """Count what runs inside under `name`, in a file of its own; several may have one name."""
        text = ctypes.create_string_buffer(name.encode())
        self._request(_ZERO_STATS)
        yield
        self._request(_DUMP_STATS_AT, ctypes.addressof(text))

    def _request(self, number: int, argument: int = 0) -> int:
        asked = (ctypes.c_uint64 * 6)(number, argument)
        return int(self._call(ctypes.addressof(asked)))


def command(program: Sequence[str], folder: Path) -> list[str]:
    """The command line that runs `program` under callgrind, with its files in `folder`."""
    return [
        "valgrind", "--tool=callgrind", "--quiet", "--instr-atstart=no", "--compress-strings=no", "--compress-pos=no",
        f"--callgrind-out-file={folder}/callgrind.out", *program,
    ]  # fmt: skip


def instructions(folder: Path) -> dict[str, int]:
    """How many instructions each name took: of several parts of one name the median, as often as there are parts.

    One of them may meet what is chance, such as a connection that has to be opened anew.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for file in folder.glob("callgrind.out.*"):
        name, total = "", 0
        with file.open(errors="replace") as lines:
            for line in lines:
                if line.startswith("desc: Trigger: Client Request: "):
                    name = line.split(": ", 3)[3].strip()
                elif line.startswith(("summary:", "totals:")):
                    total = int(line.split()[1])
        if name:
            found[name].append(total)
    return {name: round(statistics.median(totals) * len(totals)) for name, totals in found.items()}
