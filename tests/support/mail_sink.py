"""A mail server for tests: accepts and records every message, and can be made to fail."""

import re
import socketserver
import threading
from collections import Counter
from email import message_from_bytes
from email.message import Message

_NUMBER = re.compile(r"<order-(\w+)-confirmation@")


class MailSink:
    """Listens on a free loopback port from `start` to `stop`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.conversations = 0
        # Whether the server hangs up after each mail without a word.
        self.hangs_up = False
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.sink = self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        with self._lock:
            self.messages.clear()

    def greet(self) -> None:
        with self._lock:
            self.conversations += 1

    def take(self, raw: bytes) -> None:
        with self._lock:
            self.messages.append(message_from_bytes(raw))

    def drop_copies(self) -> None:
        """Keep one mail per Message-ID, as mail servers that deduplicate do."""
        with self._lock:
            self.messages[:] = {message["Message-ID"]: message for message in self.messages}.values()

    def by_order(self) -> Counter[str]:
        """The number of mails received per order number."""
        with self._lock:
            found = [_NUMBER.match(message["Message-ID"] or "") for message in self.messages]
        return Counter(match[1] for match in found if match)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    sink: MailSink


class _Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP as smtplib uses."""

    server: _Server

    def handle(self) -> None:
        self.server.sink.greet()
        self._say("220 mail sink")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                raw = self._read_message()
                if raw is None:
                    return
                self.server.sink.take(raw)
                self._say("250 taken")
                if self.server.sink.hangs_up:
                    return
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _read_message(self) -> bytes | None:
        """The message up to its final dot; None if the sender disconnects before."""
        lines = []
        while line := self.rfile.readline():
            if line.rstrip(b"\r\n") == b".":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        return None

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
