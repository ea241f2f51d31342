import { Metadata, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { asReadError, asWriteError } from './errors.ts'

const ROWS: readonly (readonly [code: status, details: string, read: string, write: string])[] = [
  [status.UNAVAILABLE, 'Connection dropped', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.UNAVAILABLE, 'etcdserver: request timed out', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.DEADLINE_EXCEEDED, '', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.CANCELLED, '', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.UNKNOWN, '', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.INTERNAL, 'RST_STREAM', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.RESOURCE_EXHAUSTED, '', 'UNAVAILABLE', 'OUTCOME_UNKNOWN'],
  [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted', 'COMPACTED', 'INTERNAL'],
  [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision', 'UNAVAILABLE', 'INTERNAL'],
  [status.NOT_FOUND, 'etcdserver: requested lease not found', 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
  [status.INVALID_ARGUMENT, '', 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
  [status.PERMISSION_DENIED, '', 'INTERNAL', 'INTERNAL'],
]

describe('gRPC errors', () => {
  it.each(ROWS)('%i %s: %s of a read, %s of a write', (code, details, read, write) => {
    const error = Object.assign(new Error(details), { code, details, metadata: new Metadata() })
    expect([asReadError(error, 'x').code, asWriteError(error, 'x').code]).toEqual([read, write])
    expect(asWriteError(error, 'x').cause).toBe(error)
  })

  it('of any other kind leave a write in doubt', () => {
    expect(asWriteError(new Error('?'), 'x').code).toBe('OUTCOME_UNKNOWN')
    expect(asReadError(undefined, 'x').code).toBe('UNAVAILABLE')
  })
})
