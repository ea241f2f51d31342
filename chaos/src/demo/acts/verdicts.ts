import { EMPTY_KEY, formatKey } from '@meridian/topology'
import { claimsOn, judge } from '../../checkers/claims.ts'
import type { JudgedClaim } from '../../checkers/claims.ts'
import { eventsOf } from '../../history/event.ts'
import { valueMark } from '../../history/value-mark.ts'
import { formatCount, formatMs } from '../../report/figures.ts'
import { formatTable } from '../../report/table.ts'
import { clientIn } from '../demo-context.ts'
import type { DemoContext } from '../demo-context.ts'
import { inParallel } from '../in-parallel.ts'

const SCANS_CONCURRENT_MAX = 6

export const VERDICTS = {
  name: 'verdicts',
  shows: 'The whole keyspace is read once more, and every claim is judged from what was recorded.',
} as const

/** Reads every row there is, from the leaders by quorum: what the claims about lost and doubled writes rest on. */
export async function readFinalState(context: DemoContext): Promise<void> {
  const { plan, keyspace, recorder, printer, clock, signal } = context
  const begunMs = clock.nowMs()
  let rows = 0
  await inParallel([...plan.entries()], SCANS_CONCURRENT_MAX, signal, async ([i, { region, start }]) => {
    const interval = { start, end: plan[i + 1]?.start ?? EMPTY_KEY }
    for await (const row of clientIn(context, region).scan(keyspace, interval, { signal })) {
      rows += 1
      const index = row.index.toString()
      recorder.record({ kind: 'row', keyspace, key: formatKey(row.key), value: valueMark(row.value), index })
      printer.progress(`${formatCount(rows)} rows read`)
    }
  })
  recorder.record({ kind: 'scan', keyspace, rows })
  printer.text(`${formatCount(rows)} rows read in ${formatMs(clock.nowMs() - begunMs)}.`)
}

/** Lets the witnesses of the stores see their end, and dumps what the stores hold. Never throws: a loss is recorded. */
export async function endWitnesses(context: DemoContext): Promise<void> {
  const { witnesses, recorder, printer, clock, signal } = context
  const begunMs = clock.nowMs()
  await witnesses.finish(signal)
  const [ranges, shards] = [eventsOf(recorder.events, 'g.commit').length, eventsOf(recorder.events, 'e.commit').length]
  printer.text(
    `Witnesses saw ${formatCount(ranges)} commits of ranges and ${formatCount(shards)} of shards; asked what the stores hold now in ${formatMs(clock.nowMs() - begunMs)}.`,
  )
}

export function verdictsOn(
  context: Pick<DemoContext, 'recorder' | 'printer'>,
  keyspace: string,
  played: ReadonlySet<string>,
): readonly JudgedClaim[] {
  const { recorder, printer } = context
  const verdicts = judge(claimsOn(keyspace), played, recorder.events)
  printer.lines([
    '',
    ...formatTable(
      [{ title: 'verdict' }, { title: 'claim' }],
      verdicts.map(({ verdict, says }) => [verdict, says]),
    ),
    '',
  ])
  for (const { claim, why, verdict } of verdicts) {
    printer.text(`${verdict === 'valid' ? '' : `${verdict.toUpperCase()} `}${claim}: ${why}`, 2)
  }
  return verdicts
}
