import type { IKeyValue } from 'etcd3'
import type { Revision } from '@meridian/topology'
import type { StoreRecord } from '../store.ts'

/** Keys are ASCII, so bytes and characters are the same. */
export const keyBytes = (key: string): Buffer => Buffer.from(key, 'latin1')
export const keyText = (key: Buffer): string => key.toString('latin1')

/** int64 comes as text. */
export const revisionOf = (text: string): Revision => BigInt(text) as Revision

export function recordOf(kv: IKeyValue): StoreRecord {
  return {
    key: keyText(kv.key),
    value: kv.value,
    createRevision: revisionOf(kv.create_revision),
    modRevision: revisionOf(kv.mod_revision),
  }
}

export interface KeySpan {
  readonly key: Buffer
  readonly range_end: Buffer
}

const NUL = Buffer.of(0)

/** Every key there is, in etcd's notation. */
export const EVERYTHING: KeySpan = { key: NUL, range_end: NUL }

/** Half-open: up to the prefix with its last byte one higher, which ASCII always allows. */
export function spanOf(prefix: string): KeySpan {
  if (prefix === '') return EVERYTHING
  const end = keyBytes(prefix)
  const last = end.length - 1
  end.writeUInt8(end.readUInt8(last) + 1, last)
  return { key: keyBytes(prefix), range_end: end }
}
