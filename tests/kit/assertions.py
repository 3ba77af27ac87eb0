"""The only wait of the tests: a condition, polled, with a bound."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def assert_eventually(
    condition: Callable[[], Awaitable[T]],
    *,
    within: float,
    what: str,
    every: float = ...,
    unless: Callable[[], str | None] = ...,
) -> T: ...


@overload
async def assert_eventually(
    condition: Callable[[], T | None],
    *,
    within: float,
    what: str,
    every: float = ...,
    unless: Callable[[], str | None] = ...,
) -> T: ...


async def assert_eventually(
    condition: Callable[[], T | Awaitable[T]],
    *,
    within: float,
    what: str,
    every: float = 0.05,
    unless: Callable[[], str | None] = lambda: None,
) -> T:
    """The condition's first true value.

    Args:
        within: seconds; generous, since it costs nothing when all is well.
        what: what did not come true, for the message.
        unless: says why it never will, to fail at once.
    """
    deadline = time.monotonic() + within
    while True:
        found = condition()
        value = await found if inspect.isawaitable(found) else found
        if value:
            return value
        hopeless = unless()
        if hopeless:
            raise AssertionError(f"{what}: {hopeless}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what} (last: {value!r})")
        await asyncio.sleep(every)


async def lapse(seconds: float) -> None:
    """Let a fault last. Never to wait for something: that is ``assert_eventually``."""
    await asyncio.sleep(seconds)
