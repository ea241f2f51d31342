import { readFileSync } from 'node:fs'

import { tempDir } from '@meridian/testkit'
import { expect, test } from 'vitest'

import { quantile } from './calibrate.ts'
import { PROBE_PORT } from './front/probe-point.ts'
import { Probe } from './probe.ts'
import { pairMatrix, startTestLab } from './fixtures/start-test-lab.ts'

const ROUND_TRIPS = 3_000
const MESSAGE = Buffer.alloc(128, '.')
const BULK = Buffer.alloc(64 * 1024 * 1024, '.')
/** Far above what it costs (README): the test fails when a hop starts to wait for something, not on a busy machine. */
const OVERHEAD_MS_MAX = 5

test('what the chain itself costs, with no delay set', async () => {
  await using folder = await tempDir('meridian-lab-overhead-')
  await using lab = await startTestLab(pairMatrix(0), folder.path)
  const open = async (region: string): Promise<Probe> => {
    const egressPort = Number(new URL(lab.egressUrl(region, 'http')).port)
    return Probe.open({ egressPort, host: 'echo.b.wan.test', port: PROBE_PORT, timeoutMs: 5_000 })
  }
  // From its own region the echo is answered in the front at once: one hop to another process and back, as without a lab.
  using direct = await open('b')
  using chain = await open('a')
  const samplesMs = { direct: [] as number[], chain: [] as number[] }
  const cpuMs = { front: 0, toxiproxy: 0 }
  for (let round = 0; round < ROUND_TRIPS; round++) {
    samplesMs.direct.push((await direct.roundTripMs(MESSAGE, 5_000)) ?? Number.NaN)
  }
  const before = { front: cpuOf(lab.pids.front), toxiproxy: cpuOf(lab.pids.toxiproxy) }
  for (let round = 0; round < ROUND_TRIPS; round++) {
    samplesMs.chain.push((await chain.roundTripMs(MESSAGE, 5_000)) ?? Number.NaN)
  }
  cpuMs.front = cpuOf(lab.pids.front) - before.front
  cpuMs.toxiproxy = cpuOf(lab.pids.toxiproxy) - before.toxiproxy
  const bulkMs = (await chain.roundTripMs(BULK, 60_000)) ?? Number.NaN

  const [direct50, direct99] = [quantile(samplesMs.direct, 0.5), quantile(samplesMs.direct, 0.99)]
  const [chain50, chain99] = [quantile(samplesMs.chain, 0.5), quantile(samplesMs.chain, 0.99)]
  const perRoundTripUs = (ms: number): string => ((ms * 1_000) / ROUND_TRIPS).toFixed(0)
  process.stdout.write(
    [
      `round trip of ${MESSAGE.length} bytes: direct p50 ${direct50.toFixed(3)} p99 ${direct99.toFixed(3)} ms,`,
      `chain p50 ${chain50.toFixed(3)} p99 ${chain99.toFixed(3)} ms, added p50 ${(chain50 - direct50).toFixed(3)} ms;`,
      `CPU per round trip: front ${perRoundTripUs(cpuMs.front)} us, toxiproxy ${perRoundTripUs(cpuMs.toxiproxy)} us;`,
      `bulk echo ${((BULK.length / 1e6 / bulkMs) * 1_000).toFixed(0)} MB/s\n`,
    ].join('\n'),
  )
  expect(chain50 - direct50).toBeLessThan(OVERHEAD_MS_MAX)
})

/** CPU time of a process so far, ms, in steps of a clock tick; NaN where there is no /proc. */
function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return Number.NaN
  }
}
