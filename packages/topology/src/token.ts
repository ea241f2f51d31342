import { MeridianError } from './errors.ts'

/** Per range; rises on every change of owner or bounds. Decided once, in the global tier. */
export type Generation = bigint & { readonly __brand: 'Generation' }
/** Per shard; rises on every change of leader, and starts anew under each generation. Decided in the owner region. */
export type Epoch = bigint & { readonly __brand: 'Epoch' }
/** Per node; rises at each start of the node's process and when the region gives the node up. */
export type NodeEpoch = bigint & { readonly __brand: 'NodeEpoch' }
/** The change counter of one etcd cluster; never compared across clusters or incarnations. */
export type Revision = bigint & { readonly __brand: 'Revision' }
/** Which life of an etcd cluster a revision belongs to; rises when the cluster is restored from a backup. */
export type Incarnation = bigint & { readonly __brand: 'Incarnation' }

const COUNTER_MAX = 2n ** 63n - 1n

function counter(kind: string, value: bigint | number): bigint {
  const big = BigInt(value)
  if (big < 0n || big > COUNTER_MAX)
    throw new MeridianError('INVALID_ARGUMENT', `${value} is no ${kind}: it is a non-negative 63-bit integer`)
  return big
}

export const generation = (value: bigint | number): Generation => counter('generation', value) as Generation
export const epoch = (value: bigint | number): Epoch => counter('epoch', value) as Epoch
export const nodeEpoch = (value: bigint | number): NodeEpoch => counter('node epoch', value) as NodeEpoch
export const revision = (value: bigint | number): Revision => counter('revision', value) as Revision
export const incarnation = (value: bigint | number): Incarnation => counter('incarnation', value) as Incarnation

/**
 * The fencing token that every request to a shard carries. Compared lexicographically: an epoch means something only
 * under its generation, because another region counts its own.
 */
export interface Token {
  readonly generation: Generation
  readonly epoch: Epoch
}

export const ZERO_TOKEN: Token = { generation: 0n as Generation, epoch: 0n as Epoch }

export function token(gen: bigint | number, ep: bigint | number): Token {
  return { generation: generation(gen), epoch: epoch(ep) }
}

export function compareTokens(a: Token, b: Token): number {
  if (a.generation !== b.generation) return a.generation < b.generation ? -1 : 1
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1
  return 0
}

export function tokensEqual(a: Token, b: Token): boolean {
  return a.generation === b.generation && a.epoch === b.epoch
}

/** `g41.e3` */
export function formatToken(value: Token): string {
  return `g${value.generation}.e${value.epoch}`
}
