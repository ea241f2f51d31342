import type { Guard, Store, TxnOutcome } from '@meridian/store'
import { MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'

/** A prefix nobody watches or publishes. */
const PREFIX = '/bench'
const NONE = 0n as Revision

/** The least that etcd can be asked: one small put without guards, and reads of that key. */
export class BareWork {
  readonly #store: Store
  readonly #key: string
  #count = 0

  /** @param name unique among the writers of one cluster */
  constructor(store: Store, name: string) {
    this.#store = store
    this.#key = `${PREFIX}/bare/${name}`
  }

  async put(signal: AbortSignal): Promise<void> {
    this.#count += 1
    const value = Buffer.from(String(this.#count))
    await this.#store.txn({ guards: [], operations: [{ kind: 'put', key: this.#key, value }] }, signal)
  }

  async read(signal: AbortSignal): Promise<void> {
    await this.#store.get(this.#key, { consistency: 'linearizable', signal })
  }

  async readLocal(signal: AbortSignal): Promise<void> {
    await this.#store.get(this.#key, { consistency: 'local', signal })
  }
}

/** Records taken in turn, so that operations under way at the same time do not refuse each other. */
const RECORDS = 64

export interface GuardedOptions {
  readonly name: string
  readonly valueBytes: number
  /** Also guard on the key of a leadership, as everything does that a controller writes. */
  readonly led: boolean
}

/** One record rewritten under a guard on its last revision: what the tiers of the product write, without their code. */
export class GuardedWork {
  readonly #store: Store
  readonly #options: GuardedOptions
  readonly #known = new Map<string, Revision>()
  #leadership: Guard | undefined
  #count = 0

  constructor(store: Store, options: GuardedOptions) {
    this.#store = store
    this.#options = options
  }

  async write(signal: AbortSignal): Promise<void> {
    const { name, valueBytes, led } = this.#options
    if (led) this.#leadership ??= await this.#lead(signal)
    this.#count += 1
    const key = `${PREFIX}/${name}/${this.#count % RECORDS}`
    const value = Buffer.alloc(valueBytes, `${this.#count} `)
    const guards: Guard[] = [{ kind: 'mod-revision', key, equals: this.#known.get(key) ?? NONE }]
    if (this.#leadership !== undefined) guards.push(this.#leadership)
    const outcome = await this.#store.txn({ guards, operations: [{ kind: 'put', key, value }] }, signal)
    this.#known.set(key, committed(outcome, key).revision)
  }

  async #lead(signal: AbortSignal): Promise<Guard> {
    const key = `${PREFIX}/${this.#options.name}/leader`
    const guards: Guard[] = [{ kind: 'create-revision', key, equals: NONE }]
    const put = { kind: 'put', key, value: Buffer.from('bench') } as const
    const { revision } = committed(await this.#store.txn({ guards, operations: [put] }, signal), key)
    return { kind: 'create-revision', key, equals: revision }
  }
}

function committed(outcome: TxnOutcome, key: string): TxnOutcome {
  if (!outcome.committed) throw new MeridianError('UNAVAILABLE', `somebody else wrote ${key}`)
  return outcome
}
