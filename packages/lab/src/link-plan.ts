/**
 * - `blackhole`: bytes vanish in both directions, connections stay up and new ones are accepted into silence;
 * - `refuse`: connections end and new ones are refused.
 */
export type Cut = false | 'blackhole' | 'refuse'

/** One ordered pair of regions: what `source` dials in `target` goes through it, both ways. */
export interface LinkState {
  /** Delay of what travels from source to target, whole ms. */
  readonly outwardDelayMs: number
  /** Delay of what travels back, whole ms. */
  readonly returnDelayMs: number
  readonly cut: Cut
}

export type ToxicStream = 'upstream' | 'downstream'

/** A toxic as this package uses them: the type is told by the attribute it has. */
export interface LinkToxic {
  readonly name: string
  readonly type: 'latency' | 'timeout'
  readonly stream: ToxicStream
  readonly attributes: Readonly<Record<string, number>>
}

export interface ObservedLink {
  readonly enabled: boolean
  readonly toxics: readonly LinkToxic[]
}

export type LinkAction =
  | { readonly kind: 'disable' }
  | { readonly kind: 'enable' }
  | { readonly kind: 'add'; readonly toxic: LinkToxic }
  | { readonly kind: 'update'; readonly toxic: LinkToxic }
  | { readonly kind: 'remove'; readonly toxic: LinkToxic }

function latency(stream: ToxicStream, delayMs: number): LinkToxic[] {
  if (!Number.isInteger(delayMs) || delayMs < 0) throw new Error(`assertion: delay of ${delayMs} ms`)
  // No toxic at all rather than one of 0 ms: its timer alone would cost a fraction of a millisecond.
  return delayMs === 0
    ? []
    : [{ name: `delay_${stream}`, type: 'latency', stream, attributes: { latency: delayMs, jitter: 0 } }]
}

const hole = (stream: ToxicStream): LinkToxic => ({
  name: `hole_${stream}`,
  type: 'timeout',
  stream,
  attributes: { timeout: 0 },
})

export function toxicsOf(state: LinkState): LinkToxic[] {
  return [
    ...latency('upstream', state.outwardDelayMs),
    ...latency('downstream', state.returnDelayMs),
    ...(state.cut === 'blackhole' ? [hole('upstream'), hole('downstream')] : []),
  ]
}

/**
 * The calls that bring a proxy from what it is to what it should be, in an order in which no connection ever passes
 * without its delay or through half a cut: refuse first, then toxics, accept last. Empty when nothing differs.
 */
export function planLink(desired: LinkState, observed: ObservedLink): LinkAction[] {
  const enabled = desired.cut !== 'refuse'
  const wanted = toxicsOf(desired)
  const actions: LinkAction[] = []
  if (!enabled && observed.enabled) actions.push({ kind: 'disable' })
  for (const toxic of wanted) {
    const there = observed.toxics.find((each) => each.name === toxic.name)
    if (there === undefined) actions.push({ kind: 'add', toxic })
    else if (!sameAttributes(there, toxic)) actions.push({ kind: 'update', toxic })
  }
  for (const toxic of observed.toxics) {
    if (!wanted.some((each) => each.name === toxic.name)) actions.push({ kind: 'remove', toxic })
  }
  if (enabled && !observed.enabled) actions.push({ kind: 'enable' })
  return actions
}

function sameAttributes(a: LinkToxic, b: LinkToxic): boolean {
  return Object.entries(b.attributes).every(([name, value]) => a.attributes[name] === value)
}
