-- Messages have an urgency, and more than one channel can tell them: each tells or refuses one at most once.
CREATE TABLE tellings (
  notice_id INTEGER NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
  channel TEXT NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('told', 'refused')),
  at TEXT NOT NULL,
  PRIMARY KEY (notice_id, channel)
) STRICT;

UPDATE notices SET notice = json_set(notice, '$.urgency',
    CASE json_extract(notice, '$.colour') WHEN 'danger' THEN 0 WHEN 'warning' THEN 1 ELSE 3 END)
  WHERE state = 'waiting';

-- When a channel is asked again is known to whoever asks it, by a clock that is never set.
DROP INDEX notices_waiting;
ALTER TABLE notices DROP COLUMN due_at;
CREATE INDEX notices_waiting ON notices (id) WHERE state = 'waiting';
