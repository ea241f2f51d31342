import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WanMatrix } from '@meridian/lab'
import { stringify } from 'yaml'

/** Timers of a stretched etcd: the heartbeat about the largest round trip, the election at least ten times that. */
export interface RaftTimers {
  readonly heartbeatMs: number
  readonly electionMs: number
}

const HEARTBEAT_MS_MIN = 200
const ELECTION_MS_MIN = 2400

export function raftTimers(matrix: WanMatrix): RaftTimers {
  const ids = matrix.regionIds
  const largestMs = Math.max(...ids.flatMap((a) => ids.map((b) => matrix.rttMs(a, b))))
  // Ten times 235.8 ms is what the committed topology has; beyond it both grow together.
  const scale = Math.max(1, (10 * largestMs) / ELECTION_MS_MIN)
  return { heartbeatMs: Math.ceil(HEARTBEAT_MS_MIN * scale), electionMs: Math.ceil(ELECTION_MS_MIN * scale) }
}

/**
 * Writes the topology and the matrix of a world that has exactly the regions of `matrix`, each with a voter, so that
 * round trips of anybody's regions can be measured and not only those of ours.
 *
 * @param leader what the topology says of the place of the leader, other than the defaults
 */
export async function writeWorldFiles(
  folder: string,
  matrix: WanMatrix,
  leader: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly topologyFile: string; readonly matrixFile: string }> {
  const { heartbeatMs, electionMs } = raftTimers(matrix)
  const ids = matrix.regionIds
  await mkdir(join(folder, 'wan'), { recursive: true, mode: 0o700 })
  const matrixFile = join(folder, 'wan', 'bench.yaml')
  const rows = ids.slice(0, -1).map((a, index) => {
    const row = ids.slice(index + 1).map((b) => [b, matrix.rttMs(a, b)] as const)
    return [a, Object.fromEntries(row)] as const
  })
  await writeFile(
    matrixFile,
    stringify(
      { name: matrix.name, regions: matrix.regions, rttMs: Object.fromEntries(rows) },
      { keepUndefined: false },
    ),
  )
  const topologyFile = join(folder, 'topology.yaml')
  await writeFile(
    topologyFile,
    stringify({
      name: 'bench',
      wan: 'wan/bench.yaml',
      leader,
      etcd: { global: { heartbeat: `${heartbeatMs}ms`, election: `${electionMs}ms` } },
      regions: matrix.regions.map(({ id, displayName, latitude, longitude }) => ({
        id,
        displayName,
        // A topology wants a place; what has none is drawn nowhere and computed from nowhere.
        latitude: latitude ?? 0,
        longitude: longitude ?? 0,
        zones: [`${id}-a`],
        nodes: 1,
      })),
    }),
  )
  return { topologyFile, matrixFile }
}
