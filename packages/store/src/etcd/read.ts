import type { IRangeRequest, IRangeResponse } from 'etcd3'
import type { Revision } from '@meridian/topology'
import type { Listing, ListOptions, ReadOptions, StoreRecord } from '../store.ts'
import type { CallContext } from './calls.ts'
import { read } from './calls.ts'
import { keyBytes, recordOf, revisionOf, spanOf } from './records.ts'

export async function getRecord(
  context: CallContext,
  key: string,
  options: ReadOptions,
): Promise<StoreRecord | undefined> {
  const { kvs } = await range(context, `get ${key}`, { key: keyBytes(key) }, options)
  return kvs[0] && recordOf(kvs[0])
}

/**
 * Pages at one revision: that of the first page, unless the caller names one. etcd reads a span whole before it cuts a
 * page off, so small pages cost more than they save.
 */
export async function listRecords(
  context: CallContext,
  prefix: string,
  options: ListOptions,
  pageRecords: number,
): Promise<Listing> {
  const { key: start, range_end } = spanOf(prefix)
  const records: StoreRecord[] = []
  let key = start
  let revision: Revision | undefined = options.revision
  for (;;) {
    const request: IRangeRequest = {
      key,
      range_end,
      limit: pageRecords,
      ...(revision === undefined ? {} : { revision: String(revision) }),
    }
    const page = await range(context, `list ${prefix}`, request, options)
    revision ??= revisionOf(page.header.revision)
    for (const kv of page.kvs) records.push(recordOf(kv))
    const last = page.kvs.at(-1)
    if (!page.more || last === undefined) return { records, revision }
    key = Buffer.concat([last.key, Buffer.of(0)])
  }
}

function range(
  context: CallContext,
  what: string,
  request: IRangeRequest,
  options: ReadOptions,
): Promise<IRangeResponse> {
  const local = options.consistency === 'local'
  return read(
    context,
    what,
    'KV',
    (endpoint, bounds) =>
      endpoint.unary<IRangeResponse>(
        'KV',
        'range',
        { ...request, serializable: local },
        // A member on its own still answers local reads.
        { ...bounds, requireLeader: !local },
      ),
    options.signal,
  )
}
