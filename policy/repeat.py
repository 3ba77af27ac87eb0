"""When a ticket can be a repeat: the window, and which tickets count (R12, R13)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from pydantic import Field, StrictBool, model_validator

from policy.categories import CategoryTree
from policy.causes import Causes, CausesFile
from policy.files import FileModel
from policy.matter import SameMatter, SameMatterFile
from policy.sourced import Sourced
from policy.window import Window, WindowMode

RequestType = Literal["consultation", "help", "complaint", "report", "suggestion", "praise"]
"""诉求类型 of the contract."""
_KNOWN_TYPES: frozenset[str] = frozenset(get_args(RequestType))

_RESOLVED_AT_MOST = 10_000
"""Windows remembered per policy: leaves come from publishers, so without a limit memory grows."""


class WindowValue(FileModel):
    """``{mode: calendar_months, length: 3}`` or ``{mode: rolling, length: 30}``."""

    mode: WindowMode
    length: Annotated[int, Field(strict=True, ge=1, le=1830)]

    @model_validator(mode="after")
    def _bounded(self) -> "WindowValue":
        if self.mode is WindowMode.CALENDAR_MONTHS and self.length > 60:
            raise ValueError("at most 60 calendar months; state is kept that long")
        return self


class Override(Sourced[WindowValue]):
    """A window of its own for a leaf or branch, a channel, or both."""

    leaf: str | None = None
    """Code of a leaf, or of a branch for all below it."""
    channel: str | None = None

    @model_validator(mode="after")
    def _for_something(self) -> "Override":
        if self.leaf is None and self.channel is None:
            raise ValueError("name a leaf, a channel or both; for all tickets change repeat.window")
        return self


class RepeatFile(FileModel):
    """Section ``repeat`` of a rules file."""

    window: Sourced[WindowValue]
    overrides: tuple[Override, ...] = ()
    same_person: Sourced[Literal["principal", "caller"]]
    request_types: Sourced[tuple[RequestType, ...]]
    unclassified: Sourced[tuple[str, ...]]
    withdrawn_counts: Sourced[StrictBool]
    late_days: Sourced[Annotated[int, Field(strict=True, ge=0, le=366)]]
    keep_tickets: Sourced[Annotated[int, Field(strict=True, ge=2, le=10_000)]]
    keep_contacts: Sourced[Annotated[int, Field(strict=True, ge=1, le=1_000)]]
    assumed_due_days: Sourced[Annotated[int, Field(strict=True, ge=1, le=366)]]
    overdue_in_progress: Sourced[StrictBool]
    same_matter: SameMatterFile
    causes: CausesFile


@dataclass(frozen=True, slots=True)
class RepeatPolicy:
    """What makes a candidate (R12). Windows are looked up by ``window``."""

    default: Window
    overrides: tuple[tuple[str | None, str | None, Window], ...]
    """Leaf or branch, channel, window; the most specific first."""
    same_person: Literal["principal", "caller"]
    """Whose tickets are compared when somebody calls for another (同人)."""
    request_types: frozenset[str]
    """Those that count."""
    unclassified: frozenset[str]
    """Codes by which a publisher says that it has no leaf."""
    withdrawn_counts: bool
    """Whether a withdrawn ticket (撤单) can be the earlier one of a repeat."""
    late_days: int
    """How late an event may come and still change a verdict; state is kept window + this."""
    keep_tickets: int
    """Tickets kept per citizen and leaf besides the first of the chain."""
    keep_contacts: int
    """Contacts without a ticket kept per citizen and leaf."""
    assumed_due_days: int
    """Until when an earlier ticket counts as being handled, where nobody set a deadline (R18)."""
    overdue_in_progress: bool
    """Whether a ticket past its deadline still counts as being handled (R18)."""
    same_matter: SameMatter
    """What two tickets' evidence weighs (R13)."""
    causes: Causes
    """What makes each root cause (R23)."""
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file."""
    categories: CategoryTree = field(repr=False)
    _resolved: dict[tuple[str | None, str | None], Window] = field(
        default_factory=dict, repr=False, compare=False
    )

    @staticmethod
    def of(file: RepeatFile, categories: CategoryTree) -> "RepeatPolicy":
        """The policy in a validated file."""

        def depth(override: Override) -> tuple[int, bool]:
            leaf = override.leaf
            return (len(categories.lineage(leaf)) if leaf else 0, override.channel is not None)

        return RepeatPolicy(
            default=_window(file.window),
            overrides=tuple(
                (each.leaf, each.channel, _window(each))
                for each in sorted(file.overrides, key=depth, reverse=True)
            ),
            same_person=file.same_person.value,
            request_types=frozenset(file.request_types.value),
            unclassified=frozenset(file.unclassified.value),
            withdrawn_counts=file.withdrawn_counts.value,
            late_days=file.late_days.value,
            keep_tickets=file.keep_tickets.value,
            keep_contacts=file.keep_contacts.value,
            assumed_due_days=file.assumed_due_days.value,
            overdue_in_progress=file.overdue_in_progress.value,
            same_matter=SameMatter.of(file.same_matter),
            causes=Causes.of(file.causes),
            sources={name: value.source for name, value in file if isinstance(value, Sourced)},
            categories=categories,
        )

    def window(self, leaf: str | None, channel: str | None) -> Window:
        """The window for a ticket: the deepest branch wins, then the channel (R12: X per leaf)."""
        if not self.overrides:
            return self.default
        found = self._resolved.get((leaf, channel))
        if found is None:
            found = self._resolve(leaf, channel)
            if len(self._resolved) < _RESOLVED_AT_MOST:
                self._resolved[(leaf, channel)] = found
        return found

    def counts(self, request_type: str | None) -> bool:
        """Whether tickets of this type can be repeats; an unknown or absent type counts."""
        return request_type in self.request_types or request_type not in _KNOWN_TYPES

    def compares(self, leaf: str | None) -> bool:
        """Whether two tickets of this leaf can be one problem; without a leaf they cannot (R13)."""
        return bool(leaf) and leaf not in self.unclassified

    def _resolve(self, leaf: str | None, channel: str | None) -> Window:
        lineage = self.categories.lineage(leaf) if leaf else ()
        for wanted_leaf, wanted_channel, window in self.overrides:
            if (wanted_leaf is None or wanted_leaf in lineage) and (
                wanted_channel is None or wanted_channel == channel
            ):
                return window
        return self.default


def _window(value: Sourced[WindowValue]) -> Window:
    return Window(mode=value.value.mode, length=value.value.length, source=value.source)
