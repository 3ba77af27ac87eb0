"""The local stack: Kafka and PostgreSQL as processes of this machine, no Docker and no Java needed.

Everything here blocks; from a coroutine call it through ``asyncio.to_thread``.
"""
