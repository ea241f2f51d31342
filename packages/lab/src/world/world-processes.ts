import { globalVoterName, natsName, regionMemberName, regionProcesses } from '@meridian/deploy'
import type { ExitPolicy, ProcessSpec, RegionBinaries, RegionFolder } from '@meridian/deploy'

import type { Lab } from '../lab.ts'

export type ProcessKind = 'etcd' | 'nats' | 'server' | 'node'

export interface WorldProcessSpec {
  readonly kind: ProcessKind
  readonly region: string
  /** Its name is unique over the world: `us-east/etcd-global`, `us-east/etcd-1`, `us-east/nats`, `us-east/us-east-n1`. */
  readonly spec: ProcessSpec
  /** Stopped in this order: nodes 0, servers 1, NATS 2, members of E 3, voters of G 4. */
  readonly stopRank: number
}

export interface WorldProcessesOptions {
  readonly region: string
  readonly folder: RegionFolder
  /** Data and logs of the region. */
  readonly stateDir: string
  readonly binaries: RegionBinaries
  readonly lab: Pick<Lab, 'goEnv' | 'grpcEnv'>
  readonly nodeExit: ExitPolicy
}

/** What one region runs, led over the links of the lab; in start order. */
export function worldProcesses(options: WorldProcessesOptions): WorldProcessSpec[] {
  const { region, folder, stateDir, binaries, lab, nodeExit } = options
  const nodeIds = new Set<string>(folder.data?.config.nodes.map((node) => node.id))
  const members = folder.members.map((_, i) => regionMemberName(region, i + 1))

  return regionProcesses({ folder, dataDir: stateDir, binaries }).map((plain) => {
    const renamed = { ...plain, name: processName(region, plain.name) }
    const withEnv = (env: Readonly<Record<string, string>>): ProcessSpec => ({
      ...renamed,
      env: { ...plain.env, ...env },
    })
    if (plain.name === globalVoterName(region))
      return { kind: 'etcd', region, stopRank: 4, spec: withEnv(lab.goEnv(region)) }
    if (members.includes(plain.name)) return { kind: 'etcd', region, stopRank: 3, spec: withEnv(lab.goEnv(region)) }
    // nats-server knows no proxy: its configuration names forwards of the lab.
    if (plain.name === natsName(region)) return { kind: 'nats', region, stopRank: 2, spec: renamed }
    const ours = withEnv(lab.grpcEnv(region))
    if (nodeIds.has(plain.name)) return { kind: 'node', region, stopRank: 0, spec: { ...ours, onExit: nodeExit } }
    return { kind: 'server', region, stopRank: 1, spec: ours }
  })
}

/** Servers and nodes keep their id; what is not ours goes by what it is. */
export function processName(region: string, name: string): string {
  const rest = name.startsWith(`${region}-`) ? name.slice(region.length + 1) : name
  return `${region}/${/^(etcd-global|etcd-[1-9]|nats)$/.test(rest) ? rest : name}`
}
