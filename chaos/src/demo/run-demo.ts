import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '@meridian/loop'
import type { World } from '@meridian/lab'
import { ERROR_TABLE } from '@meridian/protocol'
import { isMeridianError, keyspaceName, operationId } from '@meridian/topology'
import type { OperationId } from '@meridian/topology'
import type { JudgedClaim } from '../checkers/claims.ts'
import { planCountries } from '../cities/plan.ts'
import { readPlaces } from '../cities/read-places.ts'
import { hostClock, Recorder } from '../history/recorder.ts'
import { formatReport, machine } from '../report/demo-report.ts'
import type { ActReport, DemoReport } from '../report/demo-report.ts'
import { formatMs } from '../report/figures.ts'
import { Printer } from '../report/printer.ts'
import { WorldWitnesses } from '../witness/world-witnesses.ts'
import { actsToPlay } from './acts.ts'
import { hearWorld, UP } from './acts/up.ts'
import { endWitnesses, readFinalState, VERDICTS, verdictsOn } from './acts/verdicts.ts'
import type { Act, DemoContext, Figures } from './demo-context.ts'
import type { DemoOptions } from './demo-options.ts'
import { RecordedClient } from './recorded-client.ts'
import { seededRandom } from './seeded-random.ts'

const KEYSPACE = keyspaceName('cities')
const SEED_END = 2 ** 32
const INTERRUPTED = ERROR_TABLE.INTERRUPTED.exit
const FAILED = 1

/**
 * Plays the demo and resolves with the exit code: 0 when every act was played to its end and every verdict is valid.
 * The world is stopped before this resolves, whatever happened, and also before it rejects.
 *
 * @throws MeridianError INVALID_ARGUMENT before anything is started, and whatever kept the world from starting
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const acts = actsToPlay(options.acts)
  const { signal } = options
  const printer = new Printer(options.json ? options.err : options.out, options.isTty && !options.json, () =>
    systemClock.nowMs(),
  )
  const begunMs = systemClock.nowMs()
  const seed = randomInt(SEED_END)
  const history = join(options.dataDir, 'demo', 'history.jsonl')
  await using recorder = new Recorder(hostClock)
  const reports: ActReport[] = []
  let verdicts: readonly JudgedClaim[] = []

  /** @returns whether it was played to its end; a failure is told and reported, and is no reason not to judge the rest */
  const play = async (name: string, shows: string, act: () => Promise<Figures>): Promise<boolean> => {
    const actMs = systemClock.nowMs()
    recorder.begin(name)
    recorder.record({ kind: 'act', name, phase: 'begin' })
    printer.heading(name, shows)
    let [figures, failure, thrown]: [Figures, string | undefined, unknown] = [{}, undefined, undefined]
    try {
      figures = await act()
    } catch (error) {
      thrown = error
      failure = told(error)
    }
    const tookMs = systemClock.nowMs() - actMs
    recorder.record({ kind: 'act', name, phase: failure === undefined ? 'end' : 'failed' })
    reports.push({ name, shows, tookMs, ...(failure === undefined ? {} : { failure }), figures })
    // An interruption is told once, at the end; a bug is not ours to sum up.
    if (signal.aborted) return false
    if (failure === undefined) printer.text(`(${formatMs(tookMs)})`)
    else printer.text(`FAILED after ${formatMs(tookMs)}: ${failure}`)
    if (thrown !== undefined && !isMeridianError(thrown)) throw thrown
    return failure === undefined
  }

  let world: World | undefined
  let witnesses: WorldWitnesses | undefined
  let notStarted: unknown
  const clients: RecordedClient[] = []
  try {
    const places = await readPlaces(options.places)
    await play(UP.name, UP.shows, async () => {
      try {
        world = await options.startWorld((event) => hearWorld(recorder, printer, event))
      } catch (error) {
        notStarted = error
        throw error
      }
      // Not before: the world empties its folder, or refuses it.
      await recorder.writeTo(history)
      witnesses = await WorldWitnesses.open(world, recorder, systemClock)
      for (const region of world.regions) {
        clients.push(await RecordedClient.open(region, `client-${region.id}`, recorder, signal))
      }
      return {
        regions: world.regions.map(({ id }) => id),
        calibration: world.calibration.rows,
        processes: world.processes().length,
      }
    })
    if (notStarted !== undefined && !signal.aborted) throw notStarted
    if (world !== undefined && witnesses !== undefined && !signal.aborted && clients.length === world.regions.length) {
      const homes = world.regions.map(({ id, coordinates }) => ({ region: id, coordinates }))
      const context: DemoContext = {
        world,
        witnesses,
        recorder,
        printer,
        clock: systemClock,
        signal,
        clients,
        keyspace: KEYSPACE,
        plan: planCountries(places, homes),
        random: seededRandom(seed),
        operation: operations(),
      }
      verdicts = await playAll(context, acts, play)
    }
  } finally {
    if (signal.aborted) printer.text('interrupted; stopping')
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    await witnesses?.[Symbol.asyncDispose]()
    if (world !== undefined) await world.stop()
  }
  const complete = reports.every(({ failure }) => failure === undefined) && verdicts.length > 0
  const valid = verdicts.every(({ verdict }) => verdict === 'valid')
  const exit = signal.aborted ? INTERRUPTED : complete && valid ? 0 : FAILED
  const tookMs = systemClock.nowMs() - begunMs
  const report: DemoReport = {
    report: 'meridian-demo',
    exit,
    tookMs,
    seed,
    history,
    machine: machine(),
    acts: reports,
    verdicts,
  }
  printer.text('')
  printer.text(
    `${exit === 0 ? 'All claims hold.' : exit === INTERRUPTED ? 'Interrupted.' : 'NOT all claims hold.'} ${formatMs(tookMs)} in all, everything is stopped.${world === undefined ? '' : ` History: ${history}`}`,
  )
  if (options.json) options.out.write(formatReport(report))
  return exit
}

type Play = (name: string, shows: string, act: () => Promise<Figures>) => Promise<boolean>

/** An act that fails ends the playing, because later ones rest on it; what was recorded until then is judged. */
async function playAll(context: DemoContext, acts: readonly Act[], play: Play): Promise<readonly JudgedClaim[]> {
  const asked = new Set([UP.name, ...acts.map(({ name }) => name)])
  for (const act of acts) {
    if (!(await play(act.name, act.shows, () => act.play(context)))) break
  }
  if (context.signal.aborted) return []
  let verdicts: readonly JudgedClaim[] = []
  await play(VERDICTS.name, VERDICTS.shows, async () => {
    try {
      if (acts.length > 0) await readFinalState(context)
    } finally {
      await endWitnesses(context)
      verdicts = verdictsOn(context, context.keyspace, asked)
    }
    return {}
  })
  return verdicts
}

/** Ids that no earlier run of the demo used, readable in the record of operations. */
function operations(): (what: string) => OperationId {
  const run = randomBytes(4).toString('hex')
  let count = 0
  return (what) => operationId(`demo-${run}-${(count += 1)}-${what}`)
}

function told(error: unknown): string {
  if (isMeridianError(error)) return `${error.code}: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
