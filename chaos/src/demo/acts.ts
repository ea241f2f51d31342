import { MeridianError } from '@meridian/topology'
import { failoverAct } from './acts/failover.ts'
import { latencyAct } from './acts/latency.ts'
import { lossAct } from './acts/loss.ts'
import { loadAct } from './acts/load.ts'
import { pauseAct } from './acts/pause.ts'
import { staleAct } from './acts/stale.ts'
import { taxAct } from './acts/tax.ts'
import { transferAct } from './acts/transfer.ts'
import { UP } from './acts/up.ts'
import { VERDICTS } from './acts/verdicts.ts'
import type { Act } from './demo-context.ts'

/** Acts on a running world, in the order they are played. */
export const ACTS: readonly Act[] = [loadAct, latencyAct, staleAct, failoverAct, pauseAct, transferAct, lossAct, taxAct]

export const ACT_NAMES: readonly string[] = [UP.name, ...ACTS.map(({ name }) => name), VERDICTS.name]

/**
 * The acts to play when `names` are asked for: what comes first and last is always played, and all others need what
 * `load` makes.
 *
 * @throws MeridianError INVALID_ARGUMENT for a name that is none
 */
export function actsToPlay(names: readonly string[] | undefined): readonly Act[] {
  if (names === undefined || names.length === 0) return ACTS
  for (const name of names) {
    if (!ACT_NAMES.includes(name)) {
      throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no act: ${ACT_NAMES.join(', ')}`)
    }
  }
  const wanted = ACTS.filter(({ name }) => names.includes(name))
  return wanted.length === 0 || wanted.includes(loadAct) ? wanted : [loadAct, ...wanted]
}
