# SPDX-License-Identifier: Apache-2.0
"""One question put to several signers at once, none of whom is trusted to answer, to end, or to be
brief: k honest ones suffice.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from infold.closable import Closable
from infold.shell.oracle.signer import GRACE_MS

ANSWER_DEADLINE_S: Final = (
    5.0  # for all answers to a question together, waits that were asked for too
)
ANSWER_BYTES_MAX: Final = 1 << 18  # a view of 255 markets, or 255 reasons, is a tenth of that
PAUSE_S_MIN: Final = 0.02  # whoever says "at once" for ever would keep a processor busy
TOO_EARLY: Final = 425

Answer = dict[str, Any]
Refusals = dict[bytes, str]


def pause_for(answer: Answer) -> float:
    """How many seconds to leave a signer that says it is too early: the whole deadline where what
    it says is no wait.
    """
    wait_ms = answer.get("wait_ms")
    if not isinstance(wait_ms, int) or not 0 <= wait_ms < ANSWER_DEADLINE_S * 1_000:
        return ANSWER_DEADLINE_S
    return max(wait_ms / 1_000, PAUSE_S_MIN)


class Asker(Closable):
    """Asks signers by their URLs. A thread each, which nobody waits for: one that a signer holds is
    left to it, and that signer is not asked again before it ends.
    """

    def __init__(self, urls: Mapping[bytes, str]) -> None:
        self._urls = urls
        self._busy: set[bytes] = set()
        # no cookies: ports of one host share them, so one signer would choose what others are sent
        nobody = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.Client(
            trust_env=False, headers={"accept-encoding": "identity"}, cookies=nobody
        )

    def ask(
        self,
        path: str,
        body: Mapping[str, Any],
        whom: Collection[bytes],
        take: Callable[[bytes, Answer], str],
        k: int,
        refusals: Refusals,
    ) -> None:
        """Put a question; `take` is given each answer, and says what is wrong with it or "".

        Ends when all have answered, a grace after k good answers, or at the deadline. Why there is
        none of somebody comes into `refusals`.
        """
        content = json.dumps(body).encode()
        end_s = time.monotonic() + ANSWER_DEADLINE_S
        heard: queue.SimpleQueue[tuple[bytes, Answer, str]] = queue.SimpleQueue()
        held = {who for who in whom if who in self._busy}
        refusals |= dict.fromkeys(held, "still answers an earlier question")
        waiting = set(whom) - held
        for who in waiting:
            self._busy.add(who)
            threading.Thread(
                target=self._hear, args=(who, path, content, end_s, heard), daemon=True
            ).start()
        good = 0
        while waiting:
            try:
                who, answer, refusal = heard.get(timeout=max(0.0, end_s - time.monotonic()))
            except queue.Empty:
                break
            waiting.discard(who)
            refusal = refusal or take(who, answer)
            if refusal:
                refusals[who] = refusal
                continue
            good += 1
            if good == k:
                end_s = min(end_s, time.monotonic() + GRACE_MS / 1_000)
        refusals |= dict.fromkeys(waiting, "did not answer in time")

    def _hear(
        self,
        who: bytes,
        path: str,
        content: bytes,
        end_s: float,
        heard: queue.SimpleQueue[tuple[bytes, Answer, str]],
    ) -> None:
        try:
            answer, refusal = self._post(self._urls[who] + path, content, end_s)
        finally:
            self._busy.discard(who)
        heard.put((who, answer, refusal))

    def _post(self, url: str, content: bytes, end_s: float) -> tuple[Answer, str]:
        """The answer, once it is not too early for one; or why there is none."""
        while True:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return {}, "did not answer in time"
            try:
                status, text = self._read(url, content, end_s, left_s)
                answer = json.loads(text)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
                return {}, f"did not answer ({type(error).__name__})"
            if not isinstance(answer, dict):
                return {}, "answered nonsense"
            if status == 200 or "signed" in answer:  # a refusal that brings something is an answer
                return answer, ""
            pause_s = pause_for(answer) if status == TOO_EARLY else ANSWER_DEADLINE_S
            if pause_s >= end_s - time.monotonic():
                return {}, str(answer.get("reason", status))
            time.sleep(pause_s)

    def _read(self, url: str, content: bytes, end_s: float, left_s: float) -> tuple[int, bytes]:
        """Status and body. Raises `httpx.HTTPError` also where the body is too long or too slow: a
        client's own deadline begins anew with every byte.
        """
        text = bytearray()
        with self._client.stream("POST", url, content=content, timeout=left_s) as response:
            for part in response.iter_raw():
                text += part
                if len(text) > ANSWER_BYTES_MAX:
                    raise httpx.ReadError("too long")
                if time.monotonic() > end_s:
                    raise httpx.ReadTimeout("too slow")
        return response.status_code, bytes(text)

    def close(self) -> None:
        """Close the connections, also those that are held."""
        self._client.close()
