import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MeridianError } from '@meridian/topology'

/** Raised whenever the meaning of a table changes. */
const FORMAT = 2

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS node (
    one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, node_id TEXT NOT NULL, node_epoch INTEGER NOT NULL, attempt TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS shard (
    number INTEGER PRIMARY KEY, shard_id TEXT NOT NULL UNIQUE,
    promised_generation INTEGER NOT NULL, promised_epoch INTEGER NOT NULL, commit_index INTEGER NOT NULL,
    base_index INTEGER NOT NULL, base_generation INTEGER NOT NULL, base_epoch INTEGER NOT NULL,
    lineage BLOB NOT NULL, applied_index INTEGER NOT NULL);
  -- number * 2^40 + index: appended at the end of each shard's stretch of the tree.
  CREATE TABLE IF NOT EXISTS entry (position INTEGER PRIMARY KEY, payload BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS value (shard INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, entry INTEGER NOT NULL,
    PRIMARY KEY (shard, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS session (shard INTEGER NOT NULL, session TEXT NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (shard, session)) WITHOUT ROWID;
  -- Numbers under which rows are left of states that were replaced, or never completed.
  CREATE TABLE IF NOT EXISTS garbage (number INTEGER PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS quarantine (
    shard_id TEXT NOT NULL, entry_index INTEGER NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL,
    committed INTEGER NOT NULL, superseded_by INTEGER NOT NULL, remains INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (shard_id, entry_index, generation, epoch)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS probe (one INTEGER PRIMARY KEY CHECK (one = 1), written INTEGER NOT NULL);
`

/**
 * Opens the database of one node: WAL, fsync at every commit, and the file locked for as long as the process lives.
 * The lock is the operating system's, so that a killed node leaves none behind.
 *
 * @throws MeridianError WORLD_IN_USE when another node has the folder open
 */
export function openNodeDatabase(dataDir: string): DatabaseSync {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Also when the folder was there before: what it holds is its owner's alone.
  chmodSync(dataDir, 0o700)
  const database = new DatabaseSync(join(dataDir, 'node.sqlite'))
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL')
    // The first transaction takes the lock, and exclusive mode keeps it.
    database.exec('BEGIN EXCLUSIVE')
    database.exec(SCHEMA)
    database.exec('COMMIT')
  } catch (error) {
    database.close()
    if (isBusy(error)) {
      throw new MeridianError('WORLD_IN_USE', `another node has ${dataDir} open`, {
        details: { folder: dataDir },
        cause: error,
      })
    }
    throw error
  }
  return database
}

export const DATABASE_FORMAT = FORMAT

/** SQLITE_BUSY, in its primary and extended forms. */
function isBusy(error: unknown): boolean {
  return (
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5
  )
}
