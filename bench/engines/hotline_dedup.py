"""The real dedup service on ``hotline.tickets``. Run by the harness (``bench.contract``)."""

from bench.contract import Orders, announce
from bench.engines.worker import serve
from runtime.processor import Record
from schemas.events import Event
from schemas.topics import TICKETS
from services.dedup.domain import Dedup, Handed


class Announced(Dedup):
    """Says when the first record comes."""

    def decode(self, record: Record) -> Event | Handed:
        announce()
        return super().decode(record)


def main() -> None:
    orders = Orders.from_environ()
    prefix = orders.input.removesuffix(TICKETS.name)
    group_prefix = orders.group.removeprefix(prefix).removesuffix(Dedup.name)
    serve(orders, Announced(), topic_prefix=prefix, group_prefix=group_prefix)


if __name__ == "__main__":
    main()
