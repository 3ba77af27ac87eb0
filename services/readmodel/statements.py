"""The SQL of the read model: whole batches, one statement a table."""

EVENTS = """
INSERT INTO readmodel.events
    (ticket, sequence, type, citizen, about, recordedtime, partition, position, document)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[], $7::int[], $8::bigint[], $9::jsonb[])
ON CONFLICT (ticket, sequence) DO NOTHING
RETURNING ticket, sequence
"""

# Rows of a ticket before its receipt lie under another citizen's partition: two workers may write
# one ticket at once. Its row is the lock; in one order, so that nobody waits in a circle.
PLACES = """
INSERT INTO readmodel.tickets (ticket)
SELECT * FROM unnest($1::text[])
ON CONFLICT (ticket) DO NOTHING
"""
VIEWS = """
SELECT ticket, view FROM readmodel.tickets
WHERE ticket = ANY($1::text[]) ORDER BY ticket FOR UPDATE
"""

STORIES = """
SELECT ticket, document FROM readmodel.events
WHERE ticket = ANY($1::text[]) ORDER BY ticket, sequence
"""

TICKETS = """
UPDATE readmodel.tickets AS t SET
    kind = n.kind, citizen = n.citizen, sequence = n.sequence, phase = n.phase, step = n.step,
    owner_unit = n.owner_unit, owner_person = n.owner_person, leaf = n.leaf,
    request_type = n.request_type, channel = n.channel, division = n.division,
    department = n.department, complained_of = n.complained_of, received_at = n.received_at,
    due_at = n.due_at, recordedtime = n.recordedtime, brief = n.brief,
    view = n.view
FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
            $14::text[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::jsonb[],
            $19::jsonb[])
    AS n(ticket, kind, citizen, sequence, phase, step, owner_unit, owner_person, leaf,
         request_type, channel, division, department, complained_of, received_at, due_at,
         recordedtime, brief, view)
WHERE t.ticket = n.ticket
"""

DISPATCHES_GONE = "DELETE FROM readmodel.dispatches WHERE ticket = ANY($1::text[])"
DISPATCHES = """
INSERT INTO readmodel.dispatches
    (ticket, number, dispatch, department, team, handler, role, citizen, since, accept_due_at,
     reply_due_at)
SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[],
                     $11::timestamptz[])
"""

CONTACTS_GONE = "DELETE FROM readmodel.contacts WHERE contact = ANY($1::text[])"
CONTACTS = """
INSERT INTO readmodel.contacts
    (contact, citizen, ticket, received_at, channel, leaf, agent, answered, recordedtime)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                     $7::text[], $8::bool[], $9::timestamptz[])
ON CONFLICT (contact) DO UPDATE SET
    citizen = excluded.citizen, ticket = excluded.ticket, received_at = excluded.received_at,
    channel = excluded.channel, leaf = excluded.leaf, agent = excluded.agent,
    answered = excluded.answered, recordedtime = excluded.recordedtime
"""

LINKS = """
INSERT INTO readmodel.links (first, second, subject, recordedtime)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
ON CONFLICT (first, second) DO NOTHING
"""

FACTS = """
INSERT INTO readmodel.facts
    (id, topic, type, ticket, citizen, recordedtime, partition, position, document)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[], $7::int[], $8::bigint[], $9::jsonb[])
ON CONFLICT (id) DO NOTHING
RETURNING id
"""

# «The last one of a ticket in that order is what holds» (schemas.facts.repeats): the order of its
# partition; after a hand-over to another citizen's partition, that of the log's clock.
VERDICTS = """
INSERT INTO readmodel.verdicts AS v
    (ticket, citizen, verdict, reason, rule, first_ticket, case_ticket, revision, fact,
     recordedtime, partition, position, document)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::int[], $9::text[], $10::timestamptz[], $11::int[],
                     $12::bigint[], $13::jsonb[])
ON CONFLICT (ticket) DO UPDATE SET
    citizen = excluded.citizen, verdict = excluded.verdict, reason = excluded.reason,
    rule = excluded.rule, first_ticket = excluded.first_ticket,
    case_ticket = excluded.case_ticket, revision = excluded.revision,
    fact = excluded.fact, recordedtime = excluded.recordedtime, partition = excluded.partition,
    position = excluded.position, document = excluded.document
WHERE CASE WHEN v.partition = excluded.partition
           THEN excluded.position >= v.position
           ELSE (excluded.recordedtime, excluded.revision) >= (v.recordedtime, v.revision) END
"""

# As PLACES: after a hand-over two workers may write one clock at once. Its row is the lock.
CLOCK_PLACES = """
INSERT INTO readmodel.clocks (ticket, clock)
SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (ticket, clock) DO NOTHING
"""
CLOCKS_STORED = """
SELECT c.ticket, c.clock, c.standing
FROM readmodel.clocks AS c JOIN unnest($1::text[], $2::text[]) AS n(ticket, clock)
    ON c.ticket = n.ticket AND c.clock = n.clock
ORDER BY c.ticket, c.clock FOR UPDATE OF c
"""
CLOCK_FACTS = """
SELECT id, type, ticket, recordedtime, document FROM readmodel.facts
WHERE ticket = ANY($1::text[]) AND type LIKE 'hotline.sla.%'
"""
CLOCKS = """
UPDATE readmodel.clocks AS c SET
    target = n.target, status = n.status, deadline = n.deadline, breached = n.breached,
    warned = n.warned, paused_since = n.paused_since, department = n.department,
    dispatch = n.dispatch, level = n.level, revision = n.revision, fact = n.fact,
    recordedtime = n.recordedtime, standing = n.standing
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bool[],
            $7::int[], $8::timestamptz[], $9::text[], $10::text[], $11::int[], $12::int[],
            $13::text[], $14::timestamptz[], $15::jsonb[])
    AS n(ticket, clock, target, status, deadline, breached, warned, paused_since, department,
         dispatch, level, revision, fact, recordedtime, standing)
WHERE c.ticket = n.ticket AND c.clock = n.clock
"""

TASKS = """
INSERT INTO readmodel.tasks AS t
    (ticket, task, citizen, state, live, due_at, until, slot, channel, attempt, round, department,
     revision, fact, recordedtime, standing)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[],
                     $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], $10::int[],
                     $11::int[], $12::text[], $13::int[], $14::text[], $15::timestamptz[],
                     $16::jsonb[])
ON CONFLICT (ticket, task) DO UPDATE SET
    citizen = excluded.citizen, state = excluded.state, live = excluded.live,
    due_at = excluded.due_at, until = excluded.until, slot = excluded.slot,
    channel = excluded.channel, attempt = excluded.attempt, round = excluded.round,
    department = excluded.department, revision = excluded.revision, fact = excluded.fact,
    recordedtime = excluded.recordedtime, standing = excluded.standing
WHERE (excluded.recordedtime, excluded.revision) >= (t.recordedtime, t.revision)
"""

UNREADABLE = """
INSERT INTO readmodel.unreadable (topic, partition, position, reason, detail)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[])
ON CONFLICT (topic, partition, position) DO NOTHING
"""

WITHOUT_OWNER = """
SELECT step, count(*) AS tickets FROM readmodel.tickets
WHERE step IS NOT NULL AND owner_unit IS NULL AND owner_person IS NULL
GROUP BY step
"""

CLEAR = """
TRUNCATE readmodel.tickets, readmodel.events, readmodel.facts, readmodel.verdicts,
         readmodel.dispatches, readmodel.contacts, readmodel.links, readmodel.clocks,
         readmodel.tasks, readmodel.unreadable
"""
