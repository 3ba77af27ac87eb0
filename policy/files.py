"""Reads a policy file: YAML to a validated model, or a ``PolicyError`` with file, line and key."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from policy.errors import PolicyError

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # PyYAML built without libyaml: the same, some times slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

Key = str | int


class FileModel(BaseModel):
    """Base of what stands in a policy file. A key that nobody reads is an error, not a comment."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_WORDS = {
    "missing": "is missing; add it",
    "extra_forbidden": "is read by nobody; correct the spelling or remove it",
    "timezone_aware": "lacks a time zone; write e.g. 2026-01-01T00:00:00+08:00",
}
"""What to do, where pydantic's own message does not say it."""

M = TypeVar("M", bound=FileModel)


class _Loader(_SafeLoader):
    """Refuses a key that stands twice (plain YAML keeps the last, silently)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def timestamp(self, node: yaml.ScalarNode) -> Any:
        """A date that does not exist is told with its line."""
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value} is no date ({error})", node.start_mark
            ) from error


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.timestamp)


def read(path: Path) -> Any:
    """The plain content of a YAML file. Raises ``PolicyError``."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PolicyError(
            file=path, key="", value=path.name, problem="no such file; name one that exists"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            file=path, key="", value=path.name, problem=f"cannot be read as UTF-8 text ({error})"
        ) from error
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise PolicyError(
            file=path,
            key="",
            value=path.name,
            problem=f"is not readable YAML: {problem}; correct the text at this line",
            line=mark.line + 1 if mark else None,
        ) from error


def parse(model: type[M], path: Path, content: Any) -> M:
    """``content`` of ``path`` as ``model``. Raises ``PolicyError`` about the first bad value."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        kind = first["type"]
        value = "(nothing)" if kind == "missing" else first["input"]
        raise fail(
            path, first["loc"], value, _WORDS.get(kind, first["msg"].removeprefix("Value error, "))
        ) from error


def fail(path: Path, loc: tuple[Key, ...], value: object, problem: str) -> PolicyError:
    """The error about the value at ``loc`` of ``path``, with its line where it can be found."""
    return PolicyError(
        file=path,
        key=".".join(str(part) for part in loc),
        value=value,
        problem=problem,
        line=_line(path, loc),
    )


def _line(path: Path, loc: tuple[Key, ...]) -> int | None:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError):
        return None
    line: int | None = None
    for part in loc:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node | None, part: Key) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None
