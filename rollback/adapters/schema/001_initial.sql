-- What must never happen is forbidden here, not remembered by code.
-- Times are ISO 8601 in UTC with microseconds, so that text order is time order. JSON columns hold what only people
-- and replays read; whatever is compared or joined has a column.

CREATE TABLE inbox (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('firing', 'resolved')),
  alert TEXT NOT NULL,
  source TEXT NOT NULL,
  received_at TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'held', 'decided')),
  decision_id INTEGER REFERENCES decisions (id),
  evaluated_at TEXT,
  CHECK (state = 'pending' OR decision_id IS NOT NULL),
  UNIQUE (fingerprint, starts_at, status)
) STRICT;
CREATE INDEX inbox_pending ON inbox (id) WHERE state = 'pending';
CREATE INDEX inbox_held ON inbox (starts_at) WHERE state = 'held';

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  body TEXT NOT NULL,
  problem TEXT NOT NULL
) STRICT;

CREATE TABLE releases (
  service TEXT NOT NULL,
  version TEXT NOT NULL,
  rollback_safe INTEGER NOT NULL CHECK (rollback_safe IN (0, 1)),
  live_at TEXT,
  rejected_at TEXT,
  PRIMARY KEY (service, version)
) STRICT;

CREATE TABLE deployments (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  version TEXT NOT NULL,
  hosts TEXT NOT NULL,
  checksum TEXT NOT NULL,
  rollback_safe INTEGER NOT NULL CHECK (rollback_safe IN (0, 1)),
  override INTEGER NOT NULL CHECK (override IN (0, 1)),
  started_at TEXT NOT NULL,
  finished_at TEXT,
  outcome TEXT CHECK (outcome IN ('live', 'failed', 'abandoned')),
  detail TEXT NOT NULL DEFAULT '',
  CHECK ((outcome IS NULL) = (finished_at IS NULL)),
  FOREIGN KEY (service, version) REFERENCES releases (service, version)
) STRICT;
CREATE UNIQUE INDEX one_open_deployment_per_service ON deployments (service) WHERE outcome IS NULL;

CREATE TABLE decisions (
  id INTEGER PRIMARY KEY,
  inbox_id INTEGER NOT NULL REFERENCES inbox (id),
  at TEXT NOT NULL,
  service TEXT NOT NULL,
  rollback_trigger TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('roll_back', 'propose', 'ignore', 'hold')),
  reason TEXT NOT NULL,
  deployment_id INTEGER REFERENCES deployments (id),
  body TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_by_service ON decisions (service, id);

CREATE TABLE rollbacks (
  id INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  phase TEXT NOT NULL
    CHECK (phase IN ('pending', 'running', 'verifying', 'succeeded', 'unverified', 'failed')),
  from_version TEXT NOT NULL,
  to_version TEXT NOT NULL CHECK (to_version <> from_version),
  decision_id INTEGER NOT NULL UNIQUE REFERENCES decisions (id),
  deployment_id INTEGER NOT NULL REFERENCES deployments (id),
  attempt INTEGER NOT NULL DEFAULT 0,
  requested_at TEXT NOT NULL,
  changed_at TEXT NOT NULL,
  started_at TEXT,
  restored_at TEXT,
  finished_at TEXT,
  detail TEXT NOT NULL DEFAULT '',
  verdict TEXT CHECK (verdict IN ('fixed', 'not_fixed', 'worse', 'blind')),
  verification TEXT,
  CHECK ((phase IN ('succeeded', 'unverified', 'failed')) = (finished_at IS NOT NULL)),
  CHECK ((phase = 'succeeded') = (verdict IS NOT NULL AND verdict = 'fixed')),
  CHECK (phase <> 'unverified' OR verdict IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX one_active_rollback_per_service ON rollbacks (service)
  WHERE phase IN ('pending', 'running', 'verifying');
CREATE UNIQUE INDEX one_rollback_per_deployment ON rollbacks (deployment_id);

CREATE TABLE ledger (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  service TEXT NOT NULL,
  rollback_id INTEGER REFERENCES rollbacks (id),
  data TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_by_rollback ON ledger (rollback_id, id) WHERE rollback_id IS NOT NULL;
CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
  BEGIN SELECT RAISE (ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_never_cut BEFORE DELETE ON ledger
  BEGIN SELECT RAISE (ABORT, 'the ledger is append-only'); END;

CREATE TABLE notices (
  id INTEGER PRIMARY KEY,
  created_at TEXT NOT NULL,
  notice TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dropped')),
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT NOT NULL
) STRICT;
CREATE INDEX notices_waiting ON notices (due_at) WHERE state = 'waiting';

CREATE TABLE marks (
  name TEXT PRIMARY KEY,
  at TEXT NOT NULL
) STRICT;
