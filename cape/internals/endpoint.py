"""A user's own model behind an OpenAI-compatible HTTP endpoint: text in, text out, nothing kept.

Off unless a caller makes an Endpoint. The key is sent in one header to the host that the user named, and is in no
message, record or file. Only https is spoken, or http with this machine. Redirects are not followed.
"""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cape.errors import EndpointError

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
PATH = "/chat/completions"
TIMEOUT_S = 30.0
BYTES_MAX = 1_000_000  # of an answer
PROMPT_MAX = 20_000  # characters
OK = 200
HIDDEN = "[key]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model answers. url : up to and without /chat/completions. model : its name there. key : a secret.

    Raises EndpointError for an address that is neither https nor this machine, or a key that is no header.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        place = _place(self.url)
        if place.scheme != "https" and place.hostname not in LOCAL:
            raise EndpointError(f"{place.scheme}://{place.hostname} is not encrypted. Use https, or this machine.")
        if not self.model.strip():
            raise EndpointError("The endpoint needs the name of a model.")
        if any(not "!" <= letter <= "~" for letter in self.key):
            raise EndpointError("The key holds a letter that no HTTP header takes. Paste it without spaces or breaks.")
        if not 0 < self.timeout_s <= 10 * TIMEOUT_S:
            raise EndpointError(f"A timeout lies between 0 and {10 * TIMEOUT_S:g} s, got {self.timeout_s}.")

    def complete(self, prompt: str, *, instruction: str = "", new_words: int = 64) -> str:
        """Return the model's answer to a prompt, at temperature 0.

        instruction : sent as the system message. Raises EndpointError where nothing usable comes back.
        """
        if not 0 < len(prompt) <= PROMPT_MAX:
            raise EndpointError(f"A prompt has 1 to {PROMPT_MAX} characters, got {len(prompt)}.")
        messages = [{"role": "system", "content": instruction}] if instruction else []
        messages.append({"role": "user", "content": prompt})
        asked = {"model": self.model, "messages": messages, "max_tokens": new_words, "temperature": 0}
        status, body = self._post(json.dumps(asked).encode())
        if status != OK:
            raise EndpointError(f"The endpoint answered {status}: {self._shown(body)} Check address, model and key.")
        return self._text(body)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Send one request and return (status, answer), or raise EndpointError."""
        place = _place(self.url)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        connection = _connection(place, self.timeout_s)
        try:
            connection.request("POST", f"{place.path.rstrip('/')}{PATH}", body=body, headers=headers)
            answer = connection.getresponse()
            found = answer.read(BYTES_MAX + 1)
            status = answer.status
        except TimeoutError as error:
            raise EndpointError(f"The endpoint did not answer within {self.timeout_s:g} s.") from error
        except (OSError, http.client.HTTPException) as error:
            said = self._shown(str(error).encode()) or type(error).__name__
            raise EndpointError(f"The endpoint at {place.hostname} cannot be reached: {said}") from None
        finally:
            connection.close()
        if len(found) > BYTES_MAX:
            raise EndpointError(f"The endpoint answered with more than {BYTES_MAX} bytes.")
        return status, found

    def _text(self, body: bytes) -> str:
        try:
            found = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise EndpointError(
                "The endpoint's answer is not that of an OpenAI-compatible chat completion. Check the address."
            ) from error
        if not isinstance(found, str):
            raise EndpointError("The endpoint answered without text.")
        return found

    def _shown(self, body: bytes) -> str:
        """Return the beginning of what an endpoint said, without the key should it repeat it."""
        text = body.decode("utf-8", errors="replace")
        text = text.replace(self.key, HIDDEN) if self.key else text
        return " ".join(text.split())[:200]


def _place(url: str) -> SplitResult:
    """Return the parts of an address, or raise EndpointError."""
    try:
        place = urlsplit(url.strip())
        known = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError as error:
        raise EndpointError("The endpoint's address cannot be read. It looks like https://host/v1.") from error
    if not known or place.username is not None or place.query or place.fragment:
        raise EndpointError("The endpoint's address looks like https://host/v1, without user, query or fragment.")
    return place


def _connection(place: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    host: Any = place.hostname
    if place.scheme == "https":
        return http.client.HTTPSConnection(host, place.port, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, place.port, timeout=timeout_s)
