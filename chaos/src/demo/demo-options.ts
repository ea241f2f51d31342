import type { World, WorldProgress } from '@meridian/lab'

export interface DemoOptions {
  /** Starts three regions with empty folders and nodes that stay dead when killed; tells its progress meanwhile. */
  readonly startWorld: (progress: (event: WorldProgress) => void) => Promise<World>
  /** One JSON document on `out` at the end, and what people read on `err`. */
  readonly json: boolean
  /** Names of the acts to play; those they need are played as well. Default: all. */
  readonly acts?: readonly string[]
  /** Default: all places of the input. */
  readonly places?: number
  readonly out: NodeJS.WritableStream
  readonly err: NodeJS.WritableStream
  readonly isTty: boolean
  readonly signal: AbortSignal
  /** The world's folder; the history goes below it. */
  readonly dataDir: string
}
