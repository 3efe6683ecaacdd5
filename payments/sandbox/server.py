"""Request routing: to the API (where faults apply), the shopper's pages or the controls."""

import logging
import time
from typing import Any
from urllib.parse import urlsplit

from payments.sandbox import control, shopper
from payments.sandbox.api import Answer, Failure, Request
from payments.sandbox.faults import Fault
from payments.sandbox.handler import Handler, drop
from payments.sandbox.wire import ApiError, new_id

logger = logging.getLogger(__name__)


class Router(Handler):
    def answer(self, path: str, body: bytes) -> None:
        self.body = body.decode("utf-8", "replace")
        try:
            if path.startswith("/v1/"):
                self._serve_api(path)
            elif not shopper.serve(self, path) and not control.serve(self, path):
                self.send_json(404, {"error": {"type": "invalid_request_error", "message": "Unrecognized URL."}})
        except ApiError as error:
            self.send_json(error.status, error.body)
        except ConnectionError:
            self.close_connection = True
        except Exception:
            logger.exception("%s %s failed.", self.command, path)
            self.send_json(500, _error_document(500))

    def _serve_api(self, path: str) -> None:
        request = Request(
            method=self.command,
            path=path,
            query=urlsplit(self.path).query,
            body=self.body,
            authorization=self.headers.get("Authorization", ""),
            idempotency_key=self.headers.get("Idempotency-Key", ""),
        )
        fault = self.application.faults.strike(self.command, path)
        with self.application.api.in_flight(request):
            if fault is not None and self._fault_before(fault):
                return
            answer = self.application.api.answer(request, self.public_url, _kept_failure(fault))
        if fault is None or not self._fault_after(fault):
            self._send_answer(answer)

    def _fault_before(self, fault: Fault) -> bool:
        """Apply the fault before the work; returns whether the request ends here."""
        if fault.latency_ms:
            time.sleep(fault.latency_ms / 1000)
        return not (fault.after or fault.kept) and self._break(fault, lost_answer=False)

    def _fault_after(self, fault: Fault) -> bool:
        if fault.kept:
            return False
        return self._break(fault, lost_answer=True) if fault.after or fault.kind == "lost_answer" else False

    def _break(self, fault: Fault, *, lost_answer: bool) -> bool:
        if fault.kind == "error":
            self.send_json(fault.error_status, _error_document(fault.error_status))
            return True
        if fault.kind == "hang":
            self.application.stopping.wait(fault.seconds)
        elif not (fault.kind == "lost_answer" and lost_answer):
            return False
        else:
            # It is lost on its way. Without a byte of it, a client may take a kept connection for one that was closed
            # while it was idle, and send its request again.
            self.wfile.write(b"HTTP/1.1 ")
            self.wfile.flush()
        self.close_connection = True
        drop(self.connection)
        return True

    def _send_answer(self, answer: Answer) -> None:
        headers = {"Request-Id": new_id("req"), "Stripe-Version": self.headers.get("Stripe-Version", "")}
        if self.headers.get("Idempotency-Key"):
            headers["Idempotency-Key"] = self.headers["Idempotency-Key"]
        if answer.replayed:
            headers["Idempotent-Replayed"] = "true"
        self.send_json(answer.status, answer.body, headers)


def _kept_failure(fault: Fault | None) -> Failure | None:
    if fault is None or not fault.kept:
        return None
    return Failure(Answer(fault.error_status, _error_document(fault.error_status)), after=fault.after)


def _error_document(status: int) -> dict[str, Any]:
    kinds = {429: ("invalid_request_error", "rate_limit"), 401: ("invalid_request_error", "api_key_invalid")}
    kind, code = kinds.get(status, ("api_error", None))
    return {"error": {"type": kind, "code": code, "message": "An injected fault."}}
