import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import type { Findings } from './verdict.ts'

export interface CommittedRevision<E> {
  readonly inc: bigint
  readonly rev: bigint
  /** Everything of one revision happened at once. */
  readonly events: readonly E[]
}

/** Events of one tier, grouped by revision, in the order of (inc, rev). */
export function byRevision<E extends { readonly inc: string; readonly rev: string }>(
  events: readonly E[],
): readonly CommittedRevision<E>[] {
  const revisions = new Map<string, { inc: bigint; rev: bigint; events: E[] }>()
  for (const event of events) {
    const name = `${event.inc} ${event.rev}`
    const found = revisions.get(name)
    if (found === undefined) revisions.set(name, { inc: BigInt(event.inc), rev: BigInt(event.rev), events: [event] })
    else found.events.push(event)
  }
  return [...revisions.values()].toSorted((a, b) => sign(a.inc - b.inc) || sign(a.rev - b.rev))
}

export const sign = (difference: bigint): number => (difference < 0n ? -1 : difference > 0n ? 1 : 0)

/** `(1, 42)`: incarnation and revision, for people. */
export const placeOf = ({ inc, rev }: { readonly inc: bigint | string; readonly rev: bigint | string }): string =>
  `(${inc}, ${rev})`

export interface WitnessLife {
  readonly witness: string
  readonly tier: string
  readonly decodes: boolean
  /** Everything up to here was seen; undefined: it did not see its end. */
  readonly seenTo: bigint | undefined
  readonly lost: string | undefined
}

export function witnessesOf(history: readonly HistoryEvent[]): readonly WitnessLife[] {
  const phases = eventsOf(history, 'witness')
  return phases
    .filter(({ phase }) => phase === 'began')
    .map(({ witness, tier, decodes }) => {
      const own = phases.filter((each) => each.witness === witness)
      const ended = own.find(({ phase }) => phase === 'ended')
      const lost = own.find(({ phase }) => phase === 'lost')?.why
      return { witness, tier, decodes, lost, seenTo: lost === undefined && ended ? BigInt(ended.rev) : undefined }
    })
}

/**
 * Notes as gaps what keeps the commits of `tiers` from being all there were.
 *
 * @returns whether they are
 */
export function commitsAreWhole(
  history: readonly HistoryEvent[],
  of: (tier: string) => boolean,
  findings: Findings,
): boolean {
  const lives = witnessesOf(history).filter(({ tier, decodes }) => decodes && of(tier))
  if (lives.length === 0) findings.gap('nobody watched what was committed')
  const blind = lives.filter(({ seenTo }) => seenTo === undefined)
  for (const { witness, lost } of blind) findings.gap(`witness ${witness} did not see all: ${lost ?? 'it has no end'}`)
  return lives.length > 0 && blind.length === 0
}
