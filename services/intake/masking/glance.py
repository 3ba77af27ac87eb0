"""One look at a text, for many patterns at once: may it hold anything of a kind?

Most texts hold nothing that is somebody's. Python's ``re`` takes 7 ns for each Chinese character
and each pattern to find that out; Rust's automaton, which pydantic brings along, takes one pass for
all of them. It only ever says «maybe»: what is replaced is the business of each kind's own pattern.
"""

from collections.abc import Callable

from pydantic_core import SchemaValidator, core_schema


def glance(*patterns: str) -> Callable[[str], bool]:
    """Whether one of the patterns stands somewhere in a text, as a function of the text.

    Args:
        patterns: in the syntax of Rust's ``regex``, which has no look-around and no possessive
            repetition. Each must find at least all that its kind would replace.
    """
    schema = core_schema.str_schema(pattern="|".join(f"(?:{each})" for each in patterns))
    found = SchemaValidator(schema).isinstance_python

    def may_hold(text: str) -> bool:
        if found(text):
            return True
        try:
            text.encode()  # free by now: the text keeps its UTF-8
        except UnicodeEncodeError:
            return True  # half a surrogate pair: Rust does not read it, so it has said nothing
        return False

    return may_hold
