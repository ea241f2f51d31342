import { compareTokens, formatToken } from '@meridian/topology'
import type { ShardId, Token } from '@meridian/topology'
import { checkRequest } from './admit.ts'
import type { Admission, ShardRole, ShardView } from './admit.ts'
import { ratchet } from './ratchet.ts'
import type { ShardRecord } from './shard-record.ts'

/** Where an embedding database keeps its promises. */
export interface PromiseStore {
  /** Resolves once `token` would survive a crash. A store that may have lost it must reject, and the process end. */
  save(shard: ShardId, token: Token): Promise<void>
}

export interface PromiseOutcome {
  readonly sealed: boolean
  /** What is promised now: the token asked when sealed, else the higher one. */
  readonly promised: Token
}

/**
 * The fence around one shard, for a database that brings its own log: what may enter by the door, what a replica has
 * promised, and what the node is to the shard. Holds no lease; `admitWrite` and its siblings join the two.
 */
export class ShardFence {
  readonly shardId: ShardId
  readonly #store: PromiseStore
  #newest: ShardRecord | undefined
  #role: ShardRole = 'none'
  /** Highest token adopted; may run ahead of the disk. Only `#durable` is ever answered. */
  #promised: Token
  #durable: Token
  #saving: Promise<void> = Promise.resolve()

  /** @param promised what the store held at start: the ratchet must not fall over a restart (I13) */
  constructor(shardId: ShardId, promised: Token, store: PromiseStore) {
    this.shardId = shardId
    this.#promised = promised
    this.#durable = promised
    this.#store = store
  }

  get newest(): ShardRecord | undefined {
    return this.#newest
  }

  get token(): Token | undefined {
    return this.#newest?.token
  }

  get promised(): Token {
    return this.#promised
  }

  /** A leader whose own promise has been raised past its token is one no longer, whatever it was told. */
  get role(): ShardRole {
    const leads = this.#role === 'serving' || this.#role === 'sealing'
    if (leads && (this.#newest === undefined || compareTokens(this.#promised, this.#newest.token) > 0))
      return 'follower'
    return this.#role
  }

  get view(): ShardView | undefined {
    return this.#newest === undefined ? undefined : { role: this.role, newest: this.#newest }
  }

  /** Takes over a record and the role it gives; false, and nothing changed, when an equal or newer one is held. */
  adopt(record: ShardRecord, role: Exclude<ShardRole, 'serving'>): boolean {
    if (this.#newest !== undefined && compareTokens(record.token, this.#newest.token) <= 0) return false
    this.#newest = record
    this.#role = role
    return true
  }

  /** The write quorum is sealed under `token` and everything before it is decided. Late news of an older token change nothing. */
  serve(token: Token): boolean {
    if (this.role !== 'sealing' || this.#newest === undefined || compareTokens(this.#newest.token, token) !== 0)
      return false
    if (compareTokens(this.#durable, token) !== 0) {
      throw new Error(
        `I14: ${this.shardId} would serve under ${formatToken(token)} with ${formatToken(this.#durable)} promised`,
      )
    }
    this.#role = 'serving'
    return true
  }

  stepDown(): void {
    if (this.#role !== 'none') this.#role = 'follower'
  }

  checkRequest(requestToken: Token): Admission {
    return checkRequest(this.view, requestToken)
  }

  /** Refuses lower, adopts higher, and answers only what is durable. */
  async promise(token: Token): Promise<PromiseOutcome> {
    const decided = ratchet(this.#promised, token)
    if (decided === 'raised') {
      this.#promised = token
      this.#saving = this.#saving.then(async () => {
        await this.#store.save(this.shardId, token)
        if (compareTokens(token, this.#durable) <= 0) {
          throw new Error(`I13: ${this.shardId} promised ${formatToken(token)} after ${formatToken(this.#durable)}`)
        }
        this.#durable = token
      })
    }
    await this.#saving
    // A still higher promise may have been made meanwhile: then the token asked for is dead already.
    return { sealed: compareTokens(this.#durable, token) === 0, promised: this.#durable }
  }
}
