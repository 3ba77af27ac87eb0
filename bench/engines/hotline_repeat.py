"""The project's engine on «repeat». Run by the harness (``bench.contract``)."""

from bench.contract import TOPIC_PREFIX, Orders, announce
from bench.engines.repeat_processor import Repeat, repeat
from bench.engines.worker import serve
from bench.workload import Ticket
from runtime.processor import Record


class Announced(Repeat):
    """Says when the first record comes."""

    def decode(self, record: Record) -> Ticket:
        announce()
        return super().decode(record)


def main() -> None:
    orders = Orders.from_environ()
    processor = repeat(
        name=orders.group.removeprefix(TOPIC_PREFIX),
        input_topic=orders.input.removeprefix(TOPIC_PREFIX),
        output_topic=orders.output.removeprefix(TOPIC_PREFIX),
        base=Announced,
    )
    serve(orders, processor, topic_prefix=TOPIC_PREFIX, group_prefix="")


if __name__ == "__main__":
    main()
