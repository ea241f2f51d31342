import { DataServiceDefinition } from '@meridian/protocol'
import type { ReadResults, ShardRecord, WriteResults } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'

/** What a client sees of a shard by one record, with refusals thrown. Test only. */
export class TestClient {
  readonly #pool: ChannelPool
  constructor(pool: ChannelPool) {
    this.#pool = pool
  }

  #at(record: ShardRecord, address = record.leaderAddress) {
    return clientOf(DataServiceDefinition, this.#pool.channel(address))
  }

  async write(
    record: ShardRecord,
    session: string,
    items: readonly (readonly [sequence: number, key: string, value: string | undefined])[],
    address?: string,
  ): Promise<WriteResults> {
    const wire = items.map(([sequence, key, value]) => ({
      sequence: BigInt(sequence),
      key: Buffer.from(key),
      value: value === undefined ? undefined : Buffer.from(value),
    }))
    const { outcome } = await this.#at(record, address).write(
      { shardId: record.shardId, token: record.token, session, items: wire },
      { timeoutMs: 5_000 },
    )
    if (outcome?.$case === 'results') return outcome.value
    throw refused(outcome?.value)
  }

  async read(
    record: ShardRecord,
    keys: readonly string[],
    mode = 'quorum',
    address?: string,
    maxStalenessMs = 0n,
  ): Promise<ReadResults> {
    const { outcome } = await this.#at(record, address).read(
      {
        shardId: record.shardId,
        token: record.token,
        keys: keys.map((key) => Buffer.from(key)),
        mode,
        maxStalenessMs,
      },
      { timeoutMs: 5_000 },
    )
    if (outcome?.$case === 'results') return outcome.value
    throw refused(outcome?.value)
  }

  async scan(record: ShardRecord, start: string, end: string, limit = 0, countOnly = false) {
    const { outcome } = await this.#at(record).scan(
      {
        shardId: record.shardId,
        token: record.token,
        start: Buffer.from(start),
        end: Buffer.from(end),
        limit,
        mode: 'quorum',
        countOnly,
        maxStalenessMs: 0n,
      },
      { timeoutMs: 5_000 },
    )
    if (outcome?.$case === 'results') return outcome.value
    throw refused(outcome?.value)
  }
}

function refused(
  refusal: { code: string; message: string; newest: ShardRecord | undefined } | undefined,
): MeridianError {
  const epoch = refusal?.newest?.token?.epoch
  // The node wrote one of the table's codes into the field.
  const code = (refusal?.code ?? 'INTERNAL') as ErrorCode
  return new MeridianError(code, refusal?.message ?? 'no outcome', {
    details: { newest: `${epoch}`, leader: refusal?.newest?.leader ?? '' },
  })
}
