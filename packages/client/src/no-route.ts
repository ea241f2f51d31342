import type { RouteResult } from '@meridian/router'
import { formatKey } from '@meridian/topology'
import type { ErrorCode, Key, KeyspaceName } from '@meridian/topology'

/** Why a key cannot be routed now, as an error's code and text. */
export function noRoute(
  keyspace: KeyspaceName,
  key: Key,
  result: Extract<RouteResult, { ok: false }>,
): { code: ErrorCode; message: string } {
  const where = `${keyspace}/${formatKey(key)}`
  switch (result.reason) {
    case 'keyspace-unknown':
      return {
        code: 'KEYSPACE_UNKNOWN',
        message: `no keyspace ${keyspace} is known; create it with: meridian keyspace create ${keyspace} --owner <region>`,
      }
    case 'vacant':
      return {
        code: 'RANGE_NOT_ACTIVE',
        message: `the range of ${where} was not opened; open it with: meridian range open`,
      }
    case 'in-transition':
      return {
        code: 'NO_ROUTE',
        message: `the range of ${where} is in transition; ${result.region ?? 'its owner'} has not published its shards yet`,
      }
    case 'leaderless':
      return {
        code: 'NO_ROUTE',
        message: `the shard of ${where} has no leader in ${result.region ?? 'its region'} now`,
      }
  }
}
