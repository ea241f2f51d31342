import { hash } from 'node:crypto'

/** 64 bits of the SHA-256 of the store key, a zero byte and the stored value; store keys are text without zero bytes. */
export function recordDigest(key: string, value: Uint8Array): bigint {
  const digest = hash('sha256', Buffer.concat([Buffer.from(key, 'utf8'), SEPARATOR, value]), 'buffer')
  return digest.readBigUInt64BE(0)
}

const SEPARATOR = Buffer.of(0)

/**
 * The digest of a set of records: the exclusive or of their digests. So it does not depend on order, follows each
 * change at the price of one hash, and a follower's equals the one that the publisher computed over all records anew.
 *
 * It tells a diverged map from an equal one by accident only (2^-64); it is no defence against chosen values. A record
 * toggled twice is gone: to change a record toggle the old value out and the new one in.
 */
export class MapDigest {
  #bits = 0n

  toggle(key: string, value: Uint8Array): void {
    this.#bits ^= recordDigest(key, value)
  }

  /** 16 hexadecimal digits; 0000000000000000 for the empty set. */
  get value(): string {
    return this.#bits.toString(16).padStart(16, '0')
  }
}
