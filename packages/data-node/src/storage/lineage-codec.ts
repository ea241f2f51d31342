import { token } from '@meridian/topology'
import type { TokenRun } from '../replica/lineage.ts'

const RUN_BYTES = 24

/** The runs of a trimmed log as one value: (generation, epoch, first index) per run, 64 bits each. */
export function encodeLineage(runs: readonly TokenRun[]): Uint8Array {
  const bytes = Buffer.alloc(RUN_BYTES * runs.length)
  for (const [at, run] of runs.entries()) {
    bytes.writeBigInt64BE(run.token.generation, RUN_BYTES * at)
    bytes.writeBigInt64BE(run.token.epoch, RUN_BYTES * at + 8)
    bytes.writeBigInt64BE(BigInt(run.first), RUN_BYTES * at + 16)
  }
  return bytes
}

export function decodeLineage(payload: Uint8Array): TokenRun[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  if (bytes.length % RUN_BYTES !== 0) throw new Error('a stored lineage does not decode')
  const runs: TokenRun[] = []
  for (let at = 0; at < bytes.length; at += RUN_BYTES) {
    const under = token(bytes.readBigInt64BE(at), bytes.readBigInt64BE(at + 8))
    runs.push({ token: under, first: Number(bytes.readBigInt64BE(at + 16)) })
  }
  return runs
}
