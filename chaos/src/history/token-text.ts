import { MeridianError, token } from '@meridian/topology'
import type { Token } from '@meridian/topology'

/** Reads what `formatToken` writes. @throws MeridianError INVALID_ARGUMENT */
export function parseToken(text: string): Token {
  const match = /^g(\d+)\.e(\d+)$/.exec(text)
  if (match === null) throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no token such as g41.e3`)
  return token(BigInt(match[1] ?? ''), BigInt(match[2] ?? ''))
}
