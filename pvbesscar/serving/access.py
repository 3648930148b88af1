"""Who may ask: a token from the environment, and off it only this machine."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
from dataclasses import dataclass

from schemas.addresses import TOKEN_VARIABLE
from schemas.errors import ConfigError

LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must show.

    Attributes
    ----------
    token
        Expected after `Authorization: Bearer`, or as the password of a browser; `None`: everybody on this machine may.
    """

    token: str | None

    def refused(self, authorization: str | None, host: str | None) -> str | None:
        """Why a request is refused, `None` where it is not.

        Parameters
        ----------
        authorization, host
            Headers of the request.
        """
        if self.token is None:
            # A page of any other site could make a browser on this machine ask; it can not make it say this host.
            return None if is_loopback(_name(host)) else f"the host `{(host or '')[:80]}` is not this machine"
        if authorization is None:
            return "there is no token in the request"
        return None if self._shows(authorization) else "the token is not the one of this service"

    def _shows(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        assert self.token is not None
        return hmac.compare_digest(given.strip().encode(), self.token.encode())


def access_of(host: str, token_env: str = TOKEN_VARIABLE) -> Access:
    """Access to a service that listens on `host`.

    Raises
    ------
    ConfigError
        Others than this machine could ask, and there is no token; or it is short.
    """
    token = os.environ.get(token_env, "")
    if token and len(token) < LEAST_TOKEN:
        raise ConfigError(
            f"the token in {token_env} has {len(token)} characters.", hint=f"take at least {LEAST_TOKEN} at random."
        )
    if not token and not is_loopback(host):
        raise ConfigError(
            f"{token_env} is not set, and `{host}` can be reached from other machines.",
            hint=f"export {token_env}=$(openssl rand -hex 32), or listen on 127.0.0.1.",
        )
    return Access(token or None)


def _name(host: str | None) -> str:
    """Name in a `Host` header, without the port."""
    host = host or ""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine and nothing else."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
