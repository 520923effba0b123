# SPDX-License-Identifier: Apache-2.0
"""What the gateway answers: JSON, and what is wrong as RFC 9457 shapes it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from infold.errors import InfoldError, Rejected, Unavailable

PROBLEM = "application/problem+json"
Json = dict[str, Any]

_STATUS = {
    "NOT_FOUND": 404,
    "UNKNOWN_ACCOUNT": 404,
    "NOT_OPEN": 409,
    "DUPLICATE": 409,
    "TOO_LARGE": 413,
    "BAD_SIGNATURE": 401,
    "NOT_THE_SIGNER": 401,
    "DELEGATE_UNKNOWN": 401,
    "DELEGATE_EXPIRED": 401,
    "DELEGATE_SCOPE": 403,
    "NOT_APPROVED": 401,
    "WOUND_DOWN": 410,
}
_MISSPELLED = frozenset(
    {"MALFORMED", "NUMBER_NOT_CANONICAL", "OUT_OF_RANGE", "SIGNATURE_MALFORMED", "PARAMETER"}
)
"""What is not even asked for: 400, where another refusal without a status of its own is 422."""


def respond(content: Any, status: int = 200, media: str = "application/json") -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(content), status_code=status, media_type=media)


def problem(error: InfoldError) -> Json:
    """The body of a problem, as RFC 9457 shapes it."""
    if isinstance(error, Rejected):
        status = 400 if error.code in _MISSPELLED else _STATUS.get(error.code, 422)
        return _body(error.code, status, error.message, param=error.param)
    if isinstance(error, Unavailable):
        return _body("UNAVAILABLE", 503, str(error), retryable=True)
    return _body(
        "HALTED", 500, "the venue has stopped itself; its operator finds the reason in its log"
    )


def _body(
    code: str, status: int, detail: str, *, param: str | None = None, retryable: bool = False
) -> Json:
    return {
        "type": f"urn:infold:error:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "param": param,
        "detail": detail,
        "retryable": retryable,
    }


def refusal(error: InfoldError) -> Response:
    """A problem as a response."""
    body = problem(error)
    return respond(body, body["status"], PROBLEM)
