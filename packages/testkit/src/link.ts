import { setTimeout as delay } from 'node:timers/promises'
import type { Proxy, Toxic, Toxiproxy } from 'toxiproxy-node-client'

/** `upstream` is what the dialling side sends, `downstream` what comes back to it. */
export type Direction = 'upstream' | 'downstream'

/**
 * A TCP path whose faults a test decides. Verbs take effect for open and new connections unless they say otherwise, are
 * idempotent, and run one after the other. The TCP handshake itself is never delayed.
 */
export interface Link extends AsyncDisposable {
  /** Where to dial: `127.0.0.1:port`. */
  readonly address: string
  /** Delays each direction by so many whole milliseconds: the round trip gets twice that. 0 removes the delay. */
  latency(ms: number): Promise<void>
  /** Black hole both ways: connections stay open, new ones are accepted, nothing arrives. */
  cut(): Promise<void>
  /** Closes a connection after `bytes` bytes of that direction, counted per connection and from now on. */
  cutAfterBytes(direction: Direction, bytes: number): Promise<void>
  /** Closes open connections and refuses new ones. */
  refuse(): Promise<void>
  /** Ends `refuse`. */
  accept(): Promise<void>
  /** Ends every fault except the delay. Connections that went through a cut are closed, as their bytes are gone. */
  heal(): Promise<void>
  /** As `heal`, and removes the delay. */
  reset(): Promise<void>
}

interface LinkPlan {
  name: string
  listen: string
  upstream: string
  latencyMs: number
  serverRuns: () => boolean
}

type Fault =
  | { type: 'latency'; attributes: { latency: number; jitter: number } }
  | { type: 'timeout'; attributes: { timeout: number } }
  | { type: 'limit_data'; attributes: { bytes: number } }

const CALL_TIMEOUT_MS = 5_000
const DIRECTIONS: readonly Direction[] = ['upstream', 'downstream']

/** Creates the proxy disabled, adds the delay, then enables it: no connection ever sees it without. */
export async function createLink(client: Toxiproxy, plan: LinkPlan): Promise<Link> {
  const { name, listen, upstream } = plan
  const call = async <T>(verb: string, task: Promise<T>): Promise<T> => bounded(`toxiproxy: ${verb} of ${name}`, task)
  const proxy: Proxy = await call('creation', client.createProxy({ name, listen, upstream, enabled: false }))

  // The client's proxy object drops the list of toxics the server sends, so what is set is remembered here. That is
  // exact as long as nobody else changes this server, which is why every `startToxiproxy` starts its own.
  const toxics = new Map<string, Toxic<unknown>>()
  let enabled = false

  const set = async (direction: Direction, fault: Fault): Promise<void> => {
    const key = `${fault.type}-${direction}`
    const body = { name: key, stream: direction, toxicity: 1, ...fault }
    const present = toxics.get(key)
    if (present) await call(key, present.update(body))
    else toxics.set(key, await call<Toxic<unknown>>(key, proxy.addToxic<unknown>(body)))
  }
  const clear = async (which: (key: string) => boolean): Promise<void> => {
    for (const [key, toxic] of toxics) {
      if (!which(key)) continue
      await call(`removal of ${key}`, toxic.remove())
      toxics.delete(key)
    }
  }
  const enable = async (wanted: boolean): Promise<void> => {
    if (enabled === wanted) return
    await call(wanted ? 'accept' : 'refuse', proxy.update({ enabled: wanted, listen, upstream }))
    enabled = wanted
  }
  const setLatency = async (ms: number): Promise<void> => {
    if (!Number.isInteger(ms) || ms < 0) throw new RangeError(`latency(${ms}): whole milliseconds from 0`)
    if (ms === 0) return clear((key) => key.startsWith('latency-'))
    for (const direction of DIRECTIONS) {
      await set(direction, { type: 'latency', attributes: { latency: ms, jitter: 0 } })
    }
  }
  const heal = async (): Promise<void> => {
    await clear((key) => !key.startsWith('latency-'))
    await enable(true)
  }

  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const turn = last.then(task)
    // A failed verb is its caller's to handle and must not fail the next one.
    last = turn.catch(() => {})
    return turn
  }

  await setLatency(plan.latencyMs)
  await enable(true)

  let disposal: Promise<void> | undefined
  return {
    address: listen,
    latency: (ms) => inTurn(() => setLatency(ms)),
    cut: () =>
      inTurn(async () => {
        for (const direction of DIRECTIONS) await set(direction, { type: 'timeout', attributes: { timeout: 0 } })
      }),
    cutAfterBytes: (direction, bytes) => inTurn(() => set(direction, { type: 'limit_data', attributes: { bytes } })),
    refuse: () => inTurn(() => enable(false)),
    accept: () => inTurn(() => enable(true)),
    heal: () => inTurn(heal),
    reset: () =>
      inTurn(async () => {
        await heal()
        await setLatency(0)
      }),
    [Symbol.asyncDispose]: () =>
      (disposal ??= inTurn(async () => {
        if (plan.serverRuns()) await call('removal', proxy.remove())
      })),
  }
}

/** The client has no time limits of its own, and its errors do not say which request failed. */
async function bounded<T>(what: string, task: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = delay(CALL_TIMEOUT_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer in ${CALL_TIMEOUT_MS} ms`)
  })
  // Rejects by the abort below when the task has won; the race has handed on every other outcome.
  late.catch(() => {})
  try {
    return await Promise.race([task, late])
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  } finally {
    timer.abort()
  }
}
