import type { ProcessState } from '@meridian/deploy'
import type { Coordinates } from '@meridian/tax'

import type { Calibration } from '../calibrate.ts'
import type { Lab } from '../lab.ts'
import type { WanMatrix } from '../wan-matrix.ts'

export interface WorldRegion {
  readonly id: string
  readonly displayName: string
  readonly coordinates: Coordinates
  /** `host:port` of its servers' API; the host is a name of the emulated WAN. */
  readonly servers: readonly string[]
  /** `nats://host:port`, dialled directly by processes of the region. */
  readonly nats: readonly string[]
  /** Names that processes of the region resolve without the WAN: its own. */
  readonly hosts: Readonly<Record<string, string>>
  /** `host:port` of the proxy through which its processes reach the others. */
  readonly proxy: string
  readonly nodes: readonly WorldNode[]
  /** Undefined in a region without a voter of G. */
  readonly globalEtcd: WorldEtcd | undefined
  readonly regionEtcd: readonly WorldEtcd[]
}

export interface WorldNode {
  readonly id: string
  readonly zone: string
  /** `host:port`; the host is a name of the emulated WAN. */
  readonly address: string
  readonly processName: string
}

export interface WorldEtcd {
  readonly processName: string
  /** `http://127.0.0.1:port`: around the WAN, so for observers and for processes of the region only. */
  readonly clientUrl: string
  readonly peerUrl: string
}

export interface WorldProcess {
  /** Unique over the world: `us-east/etcd-global`, `us-east/etcd-1`, `us-east/nats`, `us-east/us-east-n1`. */
  readonly name: string
  readonly region: string
  /** Of the running process. */
  readonly pid: number | undefined
  readonly state: ProcessState
}

export interface WorldExit {
  readonly name: string
  /** Undefined for the front of the WAN, which belongs to none. */
  readonly region: string | undefined
  /** `code 1`, `SIGKILL` */
  readonly exit: string
  readonly logTail: string
}

/** All regions on one machine, as far apart as those of the matrix. Verbs on processes take names of `processes()`. */
export interface World extends AsyncDisposable {
  readonly regions: readonly WorldRegion[]
  readonly lab: Lab
  readonly calibration: Calibration
  readonly matrix: WanMatrix
  readonly dataDir: string
  processes(): WorldProcess[]
  /** SIGKILL; resolves when it is gone. It stays dead until `restart`, whatever the policy for exits. */
  kill(name: string): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(name: string): void
  /** SIGCONT. */
  resume(name: string): void
  /** Stops it if it runs, starts it and waits until it is ready. */
  restart(name: string): Promise<void>
  /** The newest lines of its log, what a terminal would obey made visible. */
  logTail(name: string): string
  /** Called for every exit that no stop asked for, kills included. Returns what ends the calls. */
  onExit(listener: (exit: WorldExit) => void): () => void
  /** Stops everything in reverse order, by force after a while, and lets go of the folder. Under 20 s; idempotent. */
  stop(): Promise<void>
}
