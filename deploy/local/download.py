"""Downloads jars from a Maven repository, several at a time, with a progress bar."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from jgo.constants import MAVEN_CENTRAL_URL
from requests.adapters import HTTPAdapter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from urllib3.util import Retry

from deploy.local.errors import MIRROR_VARIABLE, DownloadMissing
from deploy.local.locked import CHUNK_BYTES, Jar, store

TIMEOUT_S = (10.0, 60.0)
"""To connect and between two reads; smaller fails on slow mirrors, larger hides a dead one."""
PARALLEL = 8
ATTEMPTS = 3
"""Of a download whose body broke off; refused connections are retried below that, in urllib3."""


def download(
    targets: Mapping[Jar, Path], *, mirror: str | None = None, console: Console | None = None
) -> None:
    """Fetches each jar to its path, checked. At the first failure the others are given up.

    Raises:
        DownloadMissing, ChecksumWrong, DiskFull
    """
    base = mirror or os.environ.get(MIRROR_VARIABLE) or str(MAVEN_CENTRAL_URL)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[size]}"),
        console=console or Console(stderr=True),
    )
    with progress, ThreadPoolExecutor(PARALLEL) as pool, _session() as session:
        task = progress.add_task("Kafka's jars", total=len(targets), size="")
        received = 0

        def seen(size: int) -> None:
            nonlocal received
            received += size
            progress.update(task, size=f"{received / 1e6:.1f} MB")

        def one(jar: Jar, target: Path) -> None:
            _download(session, base, jar, target, seen)
            progress.advance(task)

        futures = [pool.submit(one, jar, target) for jar, target in targets.items()]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _session() -> requests.Session:
    session = requests.Session()
    retry = Retry(total=4, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=PARALLEL))
    return session


def _download(
    session: requests.Session, base: str, jar: Jar, target: Path, seen: Callable[[int], None]
) -> None:
    url = f"{base.rstrip('/')}/{jar.path}"

    def body(response: requests.Response) -> Iterable[bytes]:
        for chunk in response.iter_content(CHUNK_BYTES):
            seen(len(chunk))
            yield chunk

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with session.get(url, stream=True, timeout=TIMEOUT_S) as response:
                response.raise_for_status()
                store(body(response), jar, target, url)
                return
        except requests.RequestException as error:
            final = isinstance(error, requests.HTTPError)
            if final or attempt == ATTEMPTS:
                raise DownloadMissing(
                    f"cannot download {jar.path}: {error}",
                    f"check the network, or name a mirror with {MIRROR_VARIABLE}=<url>, or write a "
                    "bundle where there is a network (hotline bundle FILE) and use it here "
                    "(hotline up --bundle FILE).",
                ) from error
