"""Who calls, as a route asks: ``Depends(require_source)``, ``Depends(require_role(…))``."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from policy.access import AccessRole
from runtime.http.problems import Problem
from runtime.http.tokens import Principal, Tokens

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="Made by `hotline token make`."
)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hotline"'}


async def require_token(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Principal:
    """Whoever has a token that is valid now; 401 else."""
    tokens: Tokens = request.app.state.tokens
    found = None if given is None else tokens.find(given.credentials)
    if found is None:
        raise Problem(
            401,
            "unauthenticated",
            "no token, or none that is valid now: send `Authorization: Bearer <token>`",
            headers=_CHALLENGE,
        )
    request.state.principal = found
    return found


Caller = Annotated[Principal, Depends(require_token)]


async def require_source(caller: Caller) -> Principal:
    """A publisher; 403 else."""
    if not caller.sources:
        raise Problem(
            403,
            "not_a_publisher",
            f"token {caller.name!r} may not publish: use one made with --source",
        )
    return caller


def require_role(*roles: AccessRole) -> Callable[[Principal], Awaitable[Principal]]:
    """A person (or a desk's system) in one of these roles, in any role if none is named; 403 else.

    The caller's ``role`` and ``unit`` are set then.
    """
    wanted = frozenset(roles or AccessRole)

    async def check(caller: Caller) -> Principal:
        if caller.role not in wanted:
            raise Problem(
                403,
                "role_not_allowed",
                f"token {caller.name!r} has {f'role {caller.role}' if caller.role else 'no role'}:"
                f" this takes {', '.join(sorted(wanted))}",
            )
        return caller

    return check
