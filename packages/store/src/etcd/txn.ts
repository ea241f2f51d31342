import type { ICompare, IRequestOp, ITxnResponse } from 'etcd3'
import type { Guard, Operation, Txn, TxnOutcome } from '../store.ts'
import type { CallContext } from './calls.ts'
import { write } from './calls.ts'
import { keyBytes, recordOf, revisionOf } from './records.ts'

export async function commitTxn(context: CallContext, txn: Txn, signal?: AbortSignal): Promise<TxnOutcome> {
  const request = {
    compare: txn.guards.map(compareOf),
    success: txn.operations.map(requestOf),
    failure: (txn.onRefusalRead ?? []).map((key): IRequestOp => ({ request_range: { key: keyBytes(key) } })),
  }
  const response = await write(
    context,
    'a transaction',
    'KV',
    (endpoint, bounds) => endpoint.unary<ITxnResponse>('KV', 'txn', request, { ...bounds, requireLeader: true }),
    signal,
  )
  const revision = revisionOf(response.header.revision)
  if (response.succeeded) return { committed: true, revision }
  const records = response.responses.flatMap(({ response_range }) => response_range.kvs.map(recordOf))
  return { committed: false, revision, records }
}

function compareOf(guard: Guard): ICompare {
  const key = keyBytes(guard.key)
  switch (guard.kind) {
    case 'mod-revision':
      return { key, target: 'Mod', result: 'Equal', mod_revision: String(guard.equals) }
    case 'create-revision':
      return { key, target: 'Create', result: 'Equal', create_revision: String(guard.equals) }
    case 'value-below':
      return { key, target: 'Value', result: 'Less', value: bufferOf(guard.bound) }
    case 'value-equals':
      return { key, target: 'Value', result: 'Equal', value: bufferOf(guard.value) }
  }
}

function requestOf(operation: Operation): IRequestOp {
  const key = keyBytes(operation.key)
  switch (operation.kind) {
    case 'put': {
      const { lease } = operation
      return { request_put: { key, value: bufferOf(operation.value), ...(lease === undefined ? {} : { lease }) } }
    }
    case 'delete':
      return { request_delete_range: { key } }
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
