/** "Rndt": marks the file as ours (https://www.sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x526e6474;

/**
 * Step n brings a database of version n (user_version) to n + 1; steps are only ever added.
 * The indexes hold all that their queries ask for, and each is partial: a record without a place costs nothing there.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE records (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    queue TEXT, class TEXT, queue_sort TEXT, due_sort TEXT, owner TEXT, owner_sort TEXT,
    PRIMARY KEY (kind, id)
  ) STRICT;
  CREATE INDEX by_queue ON records (queue, class, queue_sort) WHERE queue IS NOT NULL;
  CREATE INDEX by_due ON records (due_sort) WHERE due_sort IS NOT NULL;
  CREATE INDEX by_owner ON records (kind, owner, owner_sort) WHERE owner IS NOT NULL;
  CREATE INDEX by_made ON records (kind, owner_sort) WHERE owner_sort IS NOT NULL;

  CREATE TABLE documents (job TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (job, hash)) STRICT;
  CREATE TABLE accounts (id TEXT PRIMARY KEY, virtual_time INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE chunks (
    stream TEXT NOT NULL, "offset" INTEGER NOT NULL, data BLOB NOT NULL, vanish_at INTEGER NOT NULL,
    PRIMARY KEY (stream, "offset")
  ) STRICT;
  CREATE INDEX by_vanish ON chunks (vanish_at);
  `,
  `
  CREATE TABLE counters (account TEXT NOT NULL, name TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (account, name))
    STRICT, WITHOUT ROWID;
  `,
];

/** Every statement of the adapter, so that a test can show how each is searched. */
export const SQL = {
  get: "SELECT body FROM records WHERE kind = ? AND id = ?",
  version: "SELECT version FROM records WHERE kind = ? AND id = ?",
  put: `INSERT INTO records (kind, id, version, body, queue, class, queue_sort, due_sort, owner, owner_sort)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, body = excluded.body,
    queue = excluded.queue, class = excluded.class, queue_sort = excluded.queue_sort, due_sort = excluded.due_sort,
    owner = excluded.owner, owner_sort = excluded.owner_sort`,
  remove: "DELETE FROM records WHERE kind = ? AND id = ?",

  listOwn:
    "SELECT id, body, owner_sort AS sort FROM records WHERE kind = ? AND owner = ? AND owner_sort < ? ORDER BY owner_sort DESC LIMIT ?",
  listAll:
    "SELECT id, body, owner_sort AS sort FROM records WHERE kind = ? AND owner_sort < ? ORDER BY owner_sort DESC LIMIT ?",
  findClaimable:
    "SELECT queue_sort AS sort FROM records WHERE queue = ? AND class = ? AND queue_sort > ? ORDER BY queue_sort LIMIT ?",
  findDue: "SELECT due_sort AS sort FROM records WHERE due_sort > ? AND due_sort < ? ORDER BY due_sort LIMIT ?",
  nextQueue: "SELECT queue FROM records WHERE queue > ? ORDER BY queue LIMIT 1",
  nextClass: "SELECT class FROM records WHERE queue = ? AND class > ? ORDER BY class LIMIT 1",

  putDocument: "INSERT INTO documents (job, hash, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  getDocument: "SELECT text FROM documents WHERE job = ? AND hash = ?",
  removeDocuments: "DELETE FROM documents WHERE job = ?",

  getAccount: "SELECT virtual_time AS virtualTime FROM accounts WHERE id = ?",
  putAccount:
    "INSERT INTO accounts (id, virtual_time) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET virtual_time = excluded.virtual_time",

  getCounter: "SELECT amount FROM counters WHERE account = ? AND name = ?",
  addCounter:
    "INSERT INTO counters (account, name, amount) VALUES (?, ?, ?) ON CONFLICT (account, name) DO UPDATE SET amount = amount + excluded.amount",

  putChunk: `INSERT INTO chunks (stream, "offset", data, vanish_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  readChunks: `SELECT "offset", data FROM chunks WHERE stream = ? AND "offset" > ? ORDER BY "offset" LIMIT ?`,
  removeChunks: "DELETE FROM chunks WHERE stream > ? AND stream < ?",
  dropChunks: "DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE vanish_at <= ? LIMIT 16)",
} as const;
