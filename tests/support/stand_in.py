"""The controls that both stand-in servers have."""

import json
import urllib.request
from typing import Any


def call_control(base_url: str, method: str, what: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call `/_sandbox/{what}` of a stand-in; returns its answer. Raises OSError if it refuses or is unreachable."""
    data = json.dumps(document).encode() if document is not None else None
    request = urllib.request.Request(f"{base_url}/_sandbox/{what}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        return answer
