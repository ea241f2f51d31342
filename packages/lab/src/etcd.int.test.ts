import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { commitFloorMs } from '@meridian/tax'
import { findBinary, freePorts, tempDir, waitFor } from '@meridian/testkit'
import { expect, test } from 'vitest'

import { calibratedRttMs, quantile } from './calibrate.ts'
import { awsMatrix, startTestLab } from './fixtures/start-test-lab.ts'
import { wanHost } from './wan-name.ts'

/** One etcd voter per region as the global tier runs it: peers advertise WAN names and listen on loopback. */
class Voter implements AsyncDisposable {
  readonly region: string
  readonly clientPort: number
  readonly #child: ChildProcess
  #log = ''

  constructor(region: string, clientPort: number, args: readonly string[], env: Record<string, string>) {
    this.region = region
    this.clientPort = clientPort
    this.#child = spawn(findBinary('etcd'), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-4_000)))
  }

  get log(): string {
    return `--- ${this.region}\n${this.#log}`
  }

  async call(path: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(`http://127.0.0.1:${this.clientPort}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    return answer
  }

  async put(): Promise<number> {
    const start = performance.now()
    await this.call('kv/put', { key: 'aw==', value: 'dg==' })
    return performance.now() - start
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await exited
  }
}

test('a commit of a stretched etcd is never faster than its floor, and goes nowhere but over the links', async () => {
  const matrix = (await awsMatrix()).first(3)
  const regions = matrix.regionIds
  await using folder = await tempDir('meridian-lab-etcd-')
  await using lab = await startTestLab(matrix, folder.path)
  const ports = await freePorts(2 * regions.length)
  const peerUrl = (index: number): string => `http://${wanHost(regions[index] ?? '')}:${ports[index]}`
  const cluster = regions.map((region, index) => `${region}=${peerUrl(index)}`).join(',')

  await using stack = new AsyncDisposableStack()
  const voters: Voter[] = []
  for (const [index, region] of regions.entries()) {
    const clientPort = ports[regions.length + index] ?? 0
    const dataDir = join(folder.path, region)
    await mkdir(dataDir, { mode: 0o700 })
    const flags = {
      name: region,
      'data-dir': dataDir,
      'listen-peer-urls': `http://127.0.0.1:${ports[index]}`,
      'initial-advertise-peer-urls': peerUrl(index),
      'listen-client-urls': `http://127.0.0.1:${clientPort}`,
      'advertise-client-urls': `http://127.0.0.1:${clientPort}`,
      'initial-cluster': cluster,
      'heartbeat-interval': '240',
      'election-timeout': '2400',
      'log-level': 'warn',
    }
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
    voters.push(stack.use(new Voter(region, clientPort, args, lab.goEnv(region))))
  }
  const diagnose = (): string => voters.map((voter) => voter.log).join('\n')
  const [first, second, third] = voters
  if (first === undefined || second === undefined || third === undefined) throw new Error('three voters')

  await waitFor('a first commit', async () => first.put(), { timeoutMs: 60_000, diagnose })
  const calibration = await lab.calibrate()
  const rtt = calibratedRttMs(calibration)
  const leaderOf = async (voter: Voter): Promise<string | undefined> => {
    const { leader } = await voter.call('maintenance/status', {})
    const ids = await Promise.all(
      voters.map(async (each) => {
        const { header } = await each.call('maintenance/status', {})
        return { region: each.region, id: (header as { member_id: string }).member_id }
      }),
    )
    return ids.find(({ id }) => id === leader)?.region
  }
  const lines: string[] = []
  for (const voter of voters) {
    // Samples of one leadership: a machine that stalls may bring on an election between any two.
    let leader = ''
    const samplesMs = await waitFor(
      `nine commits by ${voter.region} under one leader`,
      async () => {
        leader = (await leaderOf(first)) ?? ''
        const took: number[] = []
        while (took.length < 9) took.push(await voter.put())
        return leader !== '' && (await leaderOf(first)) === leader ? took : undefined
      },
      { timeoutMs: 60_000, diagnose },
    )
    const p50Ms = quantile(samplesMs, 0.5)
    // Held against the nominal floor: a calibrated one is of medians, and one sample may be luckier than its median.
    const floorMs = commitFloorMs(voter.region, leader, regions, matrix.emulatedRttMs)
    const calibratedMs = commitFloorMs(voter.region, leader, regions, rtt)
    lines.push(
      `client ${voter.region}, leader ${leader}: floor ${floorMs} nominal, ${calibratedMs.toFixed(1)} calibrated, p50 ${p50Ms.toFixed(1)} ms`,
    )
    expect(Math.min(...samplesMs), lines.join('\n')).toBeGreaterThanOrEqual(floorMs)
  }
  process.stdout.write(`${lines.join('\n')}\n`)

  // The leader without a majority must not commit: were there any way around the links, it would.
  const leader = await waitFor('a leader', async () => leaderOf(first), { timeoutMs: 60_000, diagnose })
  const old = voters.find((voter) => voter.region === leader)
  const others = voters.filter((voter) => voter !== old)
  if (old === undefined) throw new Error('the leader is one of the voters')
  await lab.links.cutRegion(leader)
  await expect(old.put()).rejects.toThrow()
  await waitFor('the majority to commit under another leader', async () => others[0]?.put(), {
    timeoutMs: 60_000,
    diagnose,
  })
  await lab.links.healRegion(leader)
  await waitFor('the old leader to follow', async () => old.put(), { timeoutMs: 60_000, diagnose })
})
