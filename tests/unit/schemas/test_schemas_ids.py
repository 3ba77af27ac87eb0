"""Ids of effects: name-based UUIDs (RFC 9562, version 5), whatever computes them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import EFFECTS, effect_id

WORDS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(WORDS, WORDS, WORDS, WORDS, WORDS)
def test_effect_id_is_the_uuid5_of_its_parts(
    service: str, state_key: str, fact_type: str, cause: str, discriminator: str
) -> None:
    given_id = effect_id(
        service=service,
        state_key=state_key,
        fact_type=fact_type,
        cause=cause,
        discriminator=discriminator,
    )
    name = "\x1f".join((service, state_key, fact_type, cause, discriminator))
    assert given_id == str(uuid5(EFFECTS, name))
    assert UUID(given_id).version == 5


def test_effect_id_never_changes() -> None:
    assert (
        effect_id(
            service="dedup",
            state_key="c:1",
            fact_type="hotline.repeat.new.v1",
            cause="platform/1",
            discriminator="T1",
        )
        == "4e49dc62-7bc1-593b-b64c-cc8dc3d09776"
    )
