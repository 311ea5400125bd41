"""Every SQL statement of the SQLite plane.

A task is a row; its `state` is 0 while it waits, for `missing` more tiles, 1 when it is ready, 2 while it runs, under
the lease of `worker` until `expires`, and 3 when it is done.
"""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "DONE", "READY", "RUNNING", "SCHEMA", "SCHEMA_VERSION", "WAITING"]

WAITING, READY, RUNNING, DONE = range(4)

#: Marks a file as ours ("nwcp"), so that no other database is ever overwritten.
APPLICATION_ID = 0x6E776370

#: Raised by one whenever the tables change. A plane is rebuilt from the tiles, so files are never migrated.
SCHEMA_VERSION = 2

# Small pages: a task touches about twelve, wherever they are, and each is written whole to the log.
SCHEMA = f"""
PRAGMA page_size = 1024;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};

-- One row once a run is restored; none before that.
CREATE TABLE run (
    state    TEXT NOT NULL,
    total    INTEGER NOT NULL,
    done     INTEGER NOT NULL DEFAULT 0,
    repeated INTEGER NOT NULL DEFAULT 0,  -- tasks handed out again
    failure  TEXT                         -- JSON
);

CREATE TABLE task (
    id       INTEGER PRIMARY KEY,         -- breaks ties of priority: first heard of, first handed out
    task     TEXT NOT NULL UNIQUE,
    state    INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    missing  INTEGER NOT NULL,
    lost     INTEGER NOT NULL DEFAULT 0,  -- leases taken away because they had expired
    handed   INTEGER NOT NULL DEFAULT 0,  -- number of the attempt last handed out
    worker   TEXT,
    expires  REAL,
    since    REAL                         -- when that worker was given it
);
CREATE INDEX task_ready ON task (priority) WHERE state = 1;
CREATE INDEX task_running ON task (expires) WHERE state = 2;

-- Which tiles have arrived for each waiting task; forgotten when it is ready, so this holds what is in flight.
CREATE TABLE arrival (
    reader INTEGER NOT NULL,
    tile   TEXT NOT NULL,
    PRIMARY KEY (reader, tile)
) WITHOUT ROWID;

-- Tiles to be freed after their last reader.
CREATE TABLE counted (
    tile         TEXT PRIMARY KEY,
    readers_left INTEGER NOT NULL
) WITHOUT ROWID;
"""

# restore: rows are gathered in temporary tables, which locks nobody out, and then moved at one stroke.

STAGE_OPEN = (
    "CREATE TEMP TABLE IF NOT EXISTS staged_task (id INTEGER PRIMARY KEY, task, state, priority, missing)",
    "CREATE TEMP TABLE IF NOT EXISTS staged_arrival (reader, tile)",
    "CREATE TEMP TABLE IF NOT EXISTS staged_counted (tile, readers_left)",
    "DELETE FROM staged_task",
    "DELETE FROM staged_arrival",
    "DELETE FROM staged_counted",
)
STAGE_TASK = "INSERT INTO staged_task VALUES (?, ?, ?, ?, ?)"
STAGE_ARRIVAL = "INSERT INTO staged_arrival VALUES (?, ?)"
STAGE_COUNTED = "INSERT INTO staged_counted VALUES (?, ?)"

REPLACE_ALL = (
    "DELETE FROM run",
    "DELETE FROM task",
    "DELETE FROM arrival",
    "DELETE FROM counted",
    "INSERT INTO task (id, task, state, priority, missing) SELECT id, task, state, priority, missing FROM staged_task",
    "INSERT OR IGNORE INTO arrival SELECT reader, tile FROM staged_arrival",
    "INSERT INTO counted SELECT tile, readers_left FROM staged_counted",
)
BEGIN_RUN = "INSERT INTO run (state, total) VALUES (?, ?)"

STAGE_CLOSE = ("DROP TABLE staged_task", "DROP TABLE staged_arrival", "DROP TABLE staged_counted")

# claim

# Asked without the write lock, as idle workers ask often: is there anything to hand out, or to take away?
PEEK = """
SELECT state = 'running' AND (? OR EXISTS (SELECT 1 FROM task WHERE state = 1)
                                   OR EXISTS (SELECT 1 FROM task WHERE state = 2 AND expires <= ?))
FROM run
"""

EXPIRED = """
SELECT id, task, worker, lost FROM task
WHERE state = 2 AND expires <= ? AND (SELECT state FROM run) = 'running'
ORDER BY expires, id
"""

TAKE_AWAY = "UPDATE task SET state = 1, worker = NULL, expires = NULL, lost = lost + 1 WHERE id = ?"

MOST_URGENT = """
SELECT id, task, priority, lost, handed FROM task
WHERE state = 1 AND (SELECT state FROM run) = 'running'
ORDER BY priority, id LIMIT ?
"""

# Ready tasks of one priority out of a JSON list of names.
PREFERRED = """
SELECT task.id, task.task, task.priority, task.lost, task.handed
FROM json_each(?) AS named CROSS JOIN task ON task.task = named.value
WHERE task.state = 1 AND task.priority = ? LIMIT ?
"""

LEASE = "UPDATE task SET state = 2, worker = ?, expires = ?, since = ?, handed = lost + 1 WHERE id = ?"

HELD_BY = "SELECT id, task, priority, lost, handed FROM task WHERE task = ? AND state = 2 AND worker = ?"

COUNT_REPEATED = "UPDATE run SET repeated = repeated + ?"

# renew, release

RENEW = "UPDATE task SET expires = ? WHERE task = ? AND state = 2 AND worker = ?"

RELEASE = "UPDATE task SET state = 1, worker = NULL, expires = NULL WHERE task = ? AND state = 2 AND worker = ?"

# complete

FIND = "SELECT run.done >= run.total, task.id, task.state FROM run LEFT JOIN task ON task.task = ?"

MARK_DONE = "UPDATE task SET state = 3, worker = NULL, expires = NULL WHERE id = ?"

READ_BY_ONE = "UPDATE counted SET readers_left = readers_left - 1 WHERE tile = ? RETURNING readers_left"

COUNT_READERS = "INSERT OR REPLACE INTO counted (tile, readers_left) VALUES (?, ?)"

UNCOUNT = "DELETE FROM counted WHERE tile = ?"

IS_COUNTED = "SELECT 1 FROM counted WHERE tile = ?"

# Those of a JSON list of tasks that the plane has heard of.
KNOWN = """
SELECT task.task, task.id, task.state, task.missing
FROM json_each(?) AS named CROSS JOIN task ON task.task = named.value
"""

ADD_TASK = "INSERT INTO task (task, state, priority, missing) VALUES (?, 0, ?, ?)"

ADD_ARRIVAL = "INSERT OR IGNORE INTO arrival (reader, tile) VALUES (?, ?)"

FORGET_ARRIVALS = "DELETE FROM arrival WHERE reader = ?"

SET_MISSING = "UPDATE task SET missing = ?, state = ? WHERE id = ?"

COUNT_DONE = """
UPDATE run SET done = done + 1,
               state = CASE WHEN state = 'running' AND done + 1 >= total THEN 'done' ELSE state END
RETURNING done >= total
"""

# stop, status

STOP = "UPDATE run SET state = ?, failure = ? WHERE state = 'running'"

IS_RESTORED = "SELECT 1 FROM run"

IS_RUNNING = "SELECT 1 FROM run WHERE state = 'running'"

STATUS = """
SELECT state, total, done, repeated, failure,
       (SELECT count(*) FROM task WHERE state = 1),
       (SELECT count(*) FROM task WHERE state = 2 AND expires <= :now),
       (SELECT count(*) FROM task WHERE state = 2 AND expires > :now),
       (SELECT count(DISTINCT worker) FROM task WHERE state = 2 AND expires > :now),
       (SELECT json_group_array(json_array(task, worker, :now - since))
        FROM (SELECT task, worker, since FROM task WHERE state = 2 AND expires > :now ORDER BY since LIMIT :longest))
FROM run
"""
