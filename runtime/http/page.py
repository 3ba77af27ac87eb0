"""The OpenAPI description as a page of plain HTML: no script, nothing from elsewhere.

The framework's own page loads its program from a CDN, which government networks do not reach.
"""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

CSP: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "h2{border-top:1px solid #ccc;padding-top:.6em}code{background:#f4f4f4;padding:0 .2em}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .6em;"
    "text-align:left;vertical-align:top}pre{white-space:pre-wrap}"
)


def render(description: dict[str, Any]) -> str:
    """The page."""
    title = escape(description["info"]["title"])
    body = "\n".join(_operations(description))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<style>{_STYLE}</style><h1>{title}</h1>"
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>\n'
        f"{body}</html>"
    )


def _operations(description: dict[str, Any]) -> Iterator[str]:
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            told = operation.get("description") or operation.get("summary", "")
            yield f"<pre>{escape(told)}</pre>"
            yield from _parameters(operation.get("parameters", ()))
            content = operation.get("requestBody", {}).get("content", {})
            if content:
                types = ", ".join(f"<code>{escape(media)}</code>" for media in content)
                yield f"<p>Body: {types}</p>"
            yield "<table><tr><th>status<th>meaning<th>content"
            for status, response in sorted(operation["responses"].items()):
                media = ", ".join(escape(each) for each in response.get("content", {}))
                yield f"<tr><td>{escape(status)}<td>{escape(response['description'])}<td>{media}"
            yield "</table>"


def _parameters(parameters: Any) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>parameter<th>in<th>meaning"
    for each in parameters:
        needed = "" if each.get("required") else " (optional)"
        yield (
            f"<tr><td><code>{escape(each['name'])}</code>{needed}<td>{escape(each['in'])}"
            f"<td>{escape(each.get('description', ''))}"
        )
    yield "</table>"
