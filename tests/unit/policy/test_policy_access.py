"""What each role may see (R8, R61, R65)."""

from pathlib import Path
from shutil import copytree

import pytest

from policy.access import AccessRole, Grant, Scope
from policy.bundle import SHIPPED, load, shipped
from policy.errors import PolicyError

CN = load("cn-12345").versions[-1].policy


def seen(grant: Grant) -> str:
    """The initials of what it may see."""
    return "".join(
        letter
        for letter, yes in (
            ("t", grant.text),
            ("h", grant.house_number),
            ("s", grant.story),
            ("e", grant.evidence),
            ("c", grant.contacts),
            ("k", grant.confidential),
        )
        if yes
    )


@pytest.mark.parametrize(
    ("role", "scope", "sees", "plain"),
    [
        (AccessRole.AGENT, Scope.ALL, "thsec", True),
        (AccessRole.HANDLER, Scope.SUBTREE, "thsc", True),
        (AccessRole.LIAISON, Scope.SUBTREE, "tsc", True),
        (AccessRole.SUPERVISOR, Scope.SUBTREE, "tsec", True),
        (AccessRole.INSPECTOR, Scope.SUBTREE, "tsec", False),
        (AccessRole.PRIVACY_OFFICER, Scope.ALL, "k", False),
    ],
)
def test_R8_each_role_sees_what_its_work_needs(
    role: AccessRole, scope: Scope, sees: str, plain: bool
) -> None:
    grant = CN.access.of_role(role)
    assert (grant.scope, seen(grant), bool(grant.purposes)) == (scope, sees, plain)


@pytest.mark.parametrize("profile", shipped())
def test_R61_nobody_in_a_unit_learns_who_asked_to_stay_unnamed(profile: str) -> None:
    access = load(profile).versions[-1].policy.access
    assert set(access.grants) == set(AccessRole)
    for role, grant in access.grants.items():
        assert grant.source, f"{role} of {profile} has no source"
        assert not (grant.confidential and grant.purposes), f"{role} of {profile}"
        assert grant.scope is Scope.SUBTREE or role not in (
            AccessRole.HANDLER,
            AccessRole.LIAISON,
        ), f"R65: {role} of {profile} belongs to a unit"


def changed(folder: Path, was: str, now: str) -> Path:
    copytree(SHIPPED / "cn-12345", folder)
    rules = folder / "rules" / "2026-01.yaml"
    text = rules.read_text(encoding="utf-8")
    assert text.count(was) >= 1
    rules.write_text(text.replace(was, now), encoding="utf-8")
    return folder


def test_who_sees_what_changes_the_bundle_but_no_fact(tmp_path: Path) -> None:
    other = load(changed(tmp_path / "b", "house_number: true", "house_number: false"))
    first = load("cn-12345")
    assert other.versions[-1].policy.version == first.versions[-1].policy.version
    assert other.hash != first.hash
    assert not other.versions[-1].policy.access.of_role(AccessRole.AGENT).house_number


@pytest.mark.parametrize(
    ("was", "now", "key", "problem"),
    [
        ("  inspector:", "  inspectors:", "access.inspector", "add it"),
        ("scope: all", "scope: city", "access.agent.value.scope", "'all' or 'subtree'"),
        ("[progress, callback]", "[curiosity]", "access.agent.value.purposes.0", "'progress'"),
        ("text: true, ", "", "access.agent.value.text", "add it"),
    ],
)
def test_a_role_that_is_not_fully_said_is_refused(
    tmp_path: Path, was: str, now: str, key: str, problem: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        load(changed(tmp_path / "b", was, now))
    assert caught.value.key == key
    assert problem in str(caught.value)
