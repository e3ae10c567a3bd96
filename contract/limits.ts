/** Limits of the protocol, with the unit in each name. Server, clients, docs and tests read them here. */

export const PROTOCOL_VERSION = 1;

/** Largest request or answer body in both forms: below Lambda's 6 MB with room for base64. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
export const MAX_JSON_DEPTH = 32;

/** Largest spec (or result document) kept in the store; a longer result list is split over several finishes. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;
/**
 * A record whose JSON is at most this long costs one DynamoDB write unit (1,024 bytes, of which keys and attribute names take up to
 * 224); what would push it over goes into a document.
 */
export const INLINE_RECORD_BYTES = 800;

export const MAX_CREATE_JOBS = 100;
export const MAX_GET_JOBS = 100;
export const MAX_LIST_ITEMS = 200;
/** Slices before a job's own that `explain` looks at; behind more of them it is only said to be behind so many. */
export const MOST_AHEAD = 1000;
export const MAX_GRANT_ENTRIES = 256;
/** Grants that travel unasked with create, claim and outputs. */
export const MAX_FREE_GRANTS = 16;
export const MAX_LEASES_PER_REQUEST = 64;
/** A renewal is cheaper than a claim or a finish; a worker that holds more sends several. */
export const MAX_RENEWED_LEASES = 1024;

export const MAX_COUNT = 1_000_000;
export const MAX_COMMAND_ARGUMENTS = 4096;
/** Linux refuses a single argument or environment string of 128 KiB (MAX_ARG_STRLEN, execve(2)). */
export const MAX_ARGUMENT_BYTES = 131_071;
export const MAX_ENVIRONMENT_BYTES = 128 * 1024;
/**
 * Shorter ones would be masked wherever they stand by chance, and what is left of them in the middle of a base64 text has no four digits.
 * (google-github-actions masks from 4 characters on too; GitLab from 8.)
 */
export const MIN_SECRET_BYTES = 4;
/** Of all secrets of a job together; each is looked for in some 20 forms. */
export const MAX_SECRETS_BYTES = 16 * 1024;
export const MAX_ITEM_BYTES = 64 * 1024;
export const MAX_NAME_LENGTH = 200;
export const MAX_OUTPUT_GLOBS = 64;

export const MAX_PATH_BYTES = 1024;
/** NAME_MAX of Linux and macOS file systems. */
export const MAX_PATH_SEGMENT_BYTES = 255;
export const MAX_MANIFEST_ENTRIES = 200_000;
/** A manifest whose JSON is longer travels as a blob of its own. */
export const MAX_INLINE_MANIFEST_BYTES = 48 * 1024;

/** Files at most this long are joined into packs. */
export const PACKED_FILE_BYTES = 64 * 1024;
export const MAX_PACK_BYTES = 32 * 1024 * 1024;
/** Packs at most this long travel inside the manifest. */
export const INLINE_PACK_BYTES = 8 * 1024;
/** From this size a blob is sent in parts (resumable); a pack, which has no parts, is smaller. */
export const PARTS_FROM_BYTES = 40 * 1024 * 1024;
/** What clients hash parts of beforehand; the store chooses, and may choose fewer bytes or, for very large blobs, more. */
export const PART_BYTES = 32 * 1024 * 1024;
/** S3 allows parts of 5 MiB to 5 GiB and at most 10,000 of them (S3 user guide, multipart upload limits). */
export const S3_LEAST_PART_BYTES = 5 * 1024 * 1024;
export const MAX_PARTS = 10_000;
export const MAX_BLOB_BYTES = MAX_PARTS * 512 * 1024 * 1024;

/** A worker's build is one file of JavaScript, and is read into memory to be verified. */
export const MAX_BUILD_BYTES = 16 * 1024 * 1024;

/** How long a grant is good: long enough for one transfer to start, short because nothing can take it back. */
export const GRANT_MS = 30 * 60_000;

/** How long a token is good that somebody made; only the first ones of a server have no end. */
export const DEFAULT_TOKEN_MS = 90 * 86_400_000;
export const MAX_TOKEN_MS = 3650 * 86_400_000;
/** For how long a token may go on beside its successor. */
export const ROTATE_OVERLAP_MS = 30 * 86_400_000;
/** Workers renew their tokens, but none that was made for less than this. */
export const MIN_ROTATED_MS = 30 * 86_400_000;
/** Enrolment codes are read out and typed: they are good for minutes. */
export const MAX_CODE_MS = 10 * 60_000;
export const MAX_CODE_USES = 1000;
export const DEFAULT_LINK_MS = 7 * 86_400_000;
export const MAX_LINK_MS = 365 * 86_400_000;

export const MAX_WAIT_MS = 25_000;

/** Lease spans of lifecycle.md, rule 2. */
export const CLAIM_MS = 60_000;
export const RENEWAL_MS = 120_000;
export const RENEW_EVERY_MS = 20_000;
export const MAX_HOLD_MS = 30 * 60_000;
/** A lease is cut to about this much work. */
export const LEASE_WORK_MS = 30_000;
export const MAX_LEASE_TASKS = 1000;

export const DEFAULT_CRASH_LIMIT = 10;
export const MAX_RETRIES = 1000;
export const MAX_TIMEOUT_MS = 30 * 86_400_000;
export const MAX_DELAY_MS = 365 * 86_400_000;
export const DEFAULT_KEEP_MS = 30 * 86_400_000;
export const MAX_KEEP_MS = 365 * 86_400_000;
/** Input files are there for at least this long after their job was created, whatever its results are kept for; then a start or a retry is refused. */
export const INPUTS_KEEP_MS = 30 * 86_400_000;
export const MAX_PRIORITY_S = 86_400;

/** What a job may ask for at most: far above any machine, so that only slips of the pen are refused. */
export const MAX_CPUS = 4096;
export const MAX_GPUS = 64;
/** Credits per CPU-hour. */
export const MAX_PRICE = 1_000_000;
/** Of a job; those of a machine. */
export const MAX_WANTED_TAGS = 8;
export const MAX_MACHINE_TAGS = 64;
export const MAX_ASKED_BYTES = 2 ** 50;
export const MAX_TASK_FILES = 1_000_000_000;
/** A shell, its child and a little room. */
export const MIN_PROCESSES = 8;
export const MIN_OPEN_FILES = 16;
export const MIN_MEMORY_BYTES = 4 * 1024 * 1024;

/** A log at most this long travels inside the result. */
export const INLINE_LOG_BYTES = 4 * 1024;
/** Bytes of one live log chunk, before base64. */
export const MAX_LOG_CHUNK_BYTES = 64 * 1024;
export const WATCH_MS = 60_000;
/** Default cap of what a task may print, both streams together. */
export const MAX_LOG_BYTES = 1024 * 1024 * 1024;
