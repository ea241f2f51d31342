import { GOALS, goalsOf } from '../latency-tax/goals.ts'
import type { GoalName } from '../latency-tax/goals.ts'
import { breakdownOf } from './breakdown.ts'
import { aboveFloorPlot, floorPlot } from './floor-plot.ts'
import { cellTax, heatMap } from './heat-map.ts'
import { hierarchyPanel } from './hierarchy-panel.ts'
import type { HierarchyGain } from './hierarchy-panel.ts'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { mean, ms, ratio } from './numbers.ts'
import type { CellLine, RunHeader } from './report-input.ts'
import { linkMs, regionLosses } from './round-trips.ts'
import type { RoundTrips } from './round-trips.ts'
import { PART_TITLES, stackedBars } from './stacked-bars.ts'
import {
  asTable,
  breakdownTable,
  calibrationTable,
  cellTable,
  floorTable,
  hierarchyTable,
  matrixTable,
  table,
} from './tables.ts'
import { isUsable, matrixCells, operationsOf, rankedRows } from './tax-matrix.ts'
import type { TaxMatrix } from './tax-matrix.ts'
import { canMap, crossesPole, worldMap } from './world-map.ts'

const figure = (title: string, content: Markup, fallback: Markup): Markup =>
  markup`<figure><figcaption>${title}</figcaption><div class="wide" tabindex="0">${content}</div>${asTable(fallback)}</figure>`

const p50Table = (matrix: TaxMatrix): Markup =>
  matrixTable(matrix, (cell) => `${ms(cell.oursP50Ms)} (floor ${ms(cell.floorMs)})`)

export const matrixSection = (matrix: TaxMatrix): Markup =>
  markup`<section><h2>Where the leader sits decides</h2><p>Median of one ${matrix.operation.replaceAll('-', ' ')} for every place of the global leader and every region a client may be in; beneath each, the least the calibrated links allow.</p><div class="pair">${figure('Measured median, ms', heatMap(matrix, { id: 'map-p50', value: 'p50' }), p50Table(matrix))}${figure(
    'The tax: measured over floor',
    heatMap(matrix, { id: 'map-tax', value: 'tax' }),
    matrixTable(matrix, (cell) => ratio(cellTax(cell))),
  )}</div></section>`

export const floorSection = (matrix: TaxMatrix): Markup =>
  markup`<section><h2>Measured against the floor</h2><p>Only noise can lie under the line: it is the round trip to the leader plus the leader's to its nearest majority. The second picture takes that away and shows the milliseconds that are left.</p><div class="pair">${figure('How close to physics', floorPlot(matrix, 'plot-floor'), floorTable(matrix))}${figure('What is left above the floor', aboveFloorPlot(matrix, 'plot-above'), floorTable(matrix))}</div></section>`

export function mapSection(run: RunHeader, matrix: TaxMatrix): Markup | null {
  if (!canMap(run.regions)) return null
  const best = rankedRows(matrix)[0]
  const map = worldMap({
    id: 'map-world',
    regions: matrix.rows.map((row) => ({ place: row.leader, costMs: row.cost?.meanMs ?? null })),
    rttMs: (a, b) => linkMs(run.calibration, a, b, (link) => link.measuredMs),
    bestLeader: best?.leader.id ?? null,
  })
  return markup`<section><h2>The links</h2><p>Great circles with the round trip measured over each link, ms. The area of a dot is what commits cost in the mean if the leader sits there${best === undefined ? null : markup`; the cheapest place, ${best.leader.displayName}, and its links stand out`}.${crossesPole(run.regions) ? ' A link that leaves at the top crosses the pole and comes back in beside it.' : null}</p>${figure('Round trips between regions', map, calibrationTable(run))}</section>`
}

export function breakdownSection(run: RunHeader, matrix: TaxMatrix, trips: RoundTrips): Markup | null {
  const nameOf = (id: string): string => run.regions.find((region) => region.id === id)?.displayName ?? id
  const cells = matrixCells(matrix)
    .filter(isUsable)
    .flatMap((cell) => {
      const breakdown = breakdownOf(cell, run.machine, run.regions, trips)
      return breakdown === null
        ? []
        : [{ leader: nameOf(cell.leaderRegion), client: nameOf(cell.clientRegion), breakdown }]
    })
  if (cells.length === 0) return null
  const clamped = cells.flatMap(({ leader, client, breakdown }) =>
    breakdown.clamped.map(({ part, ms: amount }) => ({ leader, client, part: PART_TITLES[part], amount })),
  )
  const notes =
    clamped.length === 0
      ? null
      : markup`<p class="note">† Medians are subtracted from medians of other samples, and a small part can come out below zero. It is drawn as nothing, so that the bar is longer than the median by as much: ${clamped.map(({ leader, client, part, amount }, index) => markup`${index === 0 ? '' : '; '}${part} ${ms(amount, 2)} ms (leader ${leader}, client ${client})`)}.</p>`
  const light = trips.fibre === null ? markup` Coordinates are missing, so light is not told apart from path.` : null
  return markup`<section><h2>Where the time goes</h2><p><b>Light</b> is the floor if straight fibre joined the regions; <b>path</b> is what real routes add. <b>Emulation</b> is what this lab adds to the links and to a hop, and no deployment pays. What is left is one <b>fsync</b>, <b>etcd</b> and <b>Meridian</b>.${light}</p>${figure('Parts of each median', stackedBars(cells, 'bars'), breakdownTable(cells))}${notes}</section>`
}

export function hierarchySection(gains: readonly HierarchyGain[]): Markup | null {
  if (gains.length === 0) return null
  return markup`<section><h2>What the hierarchy saves</h2><p>A shard changes its leader inside its region. Written in the region's own etcd, that crosses no ocean; written in one etcd stretched over all regions, the same change pays a global commit.</p>${figure('One change of leader, p50 (logarithmic)', hierarchyPanel(gains, 'panel-hierarchy'), hierarchyTable(gains))}</section>`
}

export function goalsSection(lines: readonly CellLine[]): Markup | null {
  const results = goalsOf(lines).flatMap((cell) => cell.results)
  if (results.length === 0) return null
  const names = Object.keys(GOALS) as readonly GoalName[]
  const items = names.flatMap((name) => {
    const own = results.filter((result) => result.goal === name)
    const count = (verdict: string): number => own.filter((result) => result.verdict === verdict).length
    const judged = count('met') + count('not met')
    if (judged + count('rejected') === 0) return []
    const rejected = count('rejected') === 0 ? '' : `; ${count('rejected')} rejected`
    const met = judged > 0 && count('met') === judged
    return [
      markup`<li><b class="${met ? 'met' : 'missed'}">${count('met')} of ${judged}</b><span>${GOALS[name].replaceAll('<=', '≤').replaceAll('>=', '≥').replaceAll(' x ', ' × ')}${rejected}</span></li>`,
    ]
  })
  return markup`<section><h2>Goals, cell by cell</h2><p>Set before measuring. A rejected cell counts neither way.</p><ul class="goals">${items}</ul></section>`
}

/** What the floors are made of, by the example of one cell per operation. */
function floorReasons(lines: readonly CellLine[]): Markup {
  const reasons = operationsOf(lines).flatMap((operation) => {
    const line = lines.find((each) => each.operation === operation && each.floorReason !== '')
    return line === undefined
      ? []
      : [
          markup`<li>${operation}, leader ${line.leaderRegion}, client ${line.clientRegion}: ${line.floorMs === null ? 'not known' : `${ms(line.floorMs, 2)} ms`}, ${line.floorReason}</li>`,
        ]
  })
  return reasons.length === 0
    ? markup``
    : markup`<details><summary>What the floors are made of</summary><ul>${reasons}</ul></details>`
}

/** Every operation where the main one is cheapest: one row each, for what the pictures leave out. */
export function operationsSection(lines: readonly CellLine[], leader: string | null): Markup {
  const rows = operationsOf(lines).flatMap((operation) => {
    const all = lines.filter(
      (line) => line.operation === operation && (leader === null || line.leaderRegion === leader),
    )
    // Measured under another leader only.
    if (all.length === 0) return []
    const own = all.filter(isUsable)
    if (own.length === 0) return [[operation, `0 of ${all.length}`, '–', '–', '–', '–', '–', '–']]
    const average = (of: (line: CellLine) => number | null): number | null => {
      const values = own.map(of)
      return values.some((value) => value === null) ? null : mean(values.filter((value) => value !== null))
    }
    const gaps = own.flatMap((line) => line.largestGapMs ?? [])
    return [
      [
        operation,
        `${own.length} of ${all.length}`,
        ms(average((line) => line.floorMs)),
        ms(
          average((line) => line.rawP50Ms),
          2,
        ),
        ms(
          average((line) => line.oursP50Ms),
          2,
        ),
        ms(
          average((line) => line.oursP99Ms),
          2,
        ),
        ratio(average(cellTax)),
        gaps.length === 0 ? '–' : ms(Math.max(...gaps)),
      ],
    ]
  })
  return markup`<section><h2>Every operation</h2><p>${leader === null ? 'Means over all usable cells' : 'Means over the client regions, the leader where it is cheapest'}, ms; the gap is the longest time between two successes in any of the cells.</p>${table([{ title: 'operation', words: true }, ...['usable cells', 'floor', 'raw p50', 'ours p50', 'ours p99', 'tax', 'largest gap'].map((title) => ({ title }))], rows)}${floorReasons(lines)}</section>`
}

export function lossSection(run: RunHeader, trips: RoundTrips, measured: readonly CellLine[]): Markup | null {
  const losses =
    trips.measured === null
      ? []
      : regionLosses(
          run.regions.map((region) => region.id),
          trips.measured,
        )
  if (losses.length === 0 && measured.length === 0) return null
  const nameOf = (id: string): string => run.regions.find((region) => region.id === id)?.displayName ?? id
  const computed =
    losses.length === 0
      ? null
      : markup`<h3>Computed from the calibrated links</h3>${table(
          [
            { title: 'lost', words: true },
            { title: 'then best led from', words: true },
            { title: 'mean floor of the others, ms' },
            { title: 'the same before, ms' },
            { title: 'factor' },
          ],
          losses.map((loss) => [
            nameOf(loss.lost),
            nameOf(loss.bestLeader),
            ms(loss.bestMeanMs),
            ms(loss.wholeMeanMs),
            `${ratio(loss.bestMeanMs / loss.wholeMeanMs, 2)} ×`,
          ]),
        )}`
  const cells =
    measured.length === 0
      ? null
      : markup`<h3>Measured, the leader's nearest other voter dead</h3>${cellTable(measured)}`
  return markup`<section><h2>One region down</h2><p>The majority stays the same number of voters, so a farther one has to answer: the floor itself moves.</p>${computed}${cells}</section>`
}

export function cellsSection(lines: readonly CellLine[], main: string): Markup {
  const rejected = lines.filter((line) => line.rejected !== null).length
  const groups = operationsOf(lines).map((operation) => {
    const own = lines.filter((line) => line.operation === operation)
    const bad = own.filter((line) => line.rejected !== null).length
    return markup`<details${operation === main ? markup` open` : null}><summary>${operation}: ${own.length} cells${bad === 0 ? null : `, ${bad} rejected`}</summary>${cellTable(own)}</details>`
  })
  return markup`<section><h2>Every cell</h2><p>As recorded, in ms. ${rejected === 0 ? 'None was rejected.' : `${rejected} of ${lines.length} were rejected: struck through, with the reason, and used nowhere above.`}</p>${groups}</section>`
}

export const methodSection = (run: RunHeader): Markup =>
  markup`<section><h2>Method, and what it cannot say</h2>
<p>A commit by majority takes at least the round trip from the client to the leader plus the leader's round trip to the voter that completes its majority. That floor is computed from round trips calibrated through the same links the operations take, not from nominal ones. Straight fibre carries light at 4.897 µs per km, one way.</p>
<p>Each cell holds four interleaved runs: direct, through links without delay, raw etcd with delay, and the product's API with delay. Operations start on a schedule and are timed from when they should have started, so a stall is counted and not skipped. A cell is rejected if a link moved by more than 0.5 ms or 1 % between calibrations, if the leader changed, if an operation failed, or if the driver's event loop was more than 5 ms late at p99.</p>
<ul class="plain"><li>The links are emulated: delay only. There is no loss, no jitter, no delay of TCP's handshake, and congestion windows never cross the distance, because TCP ends at each proxy.</li><li>Every server and the driver share one machine; tails hold its scheduler's noise.</li><li>Parts of a median are differences of medians: good to some tenths of a millisecond.</li><li>Round trips are those of the topology file. Your network has its own: measure it.</li></ul>
<h3>Machine</h3><dl>${[
    ['processor', `${run.machine.cpu}, ${run.machine.cores} cores`],
    ['memory', `${run.machine.memoryGb} GB`],
    ['kernel', run.machine.kernel],
    ['Node', run.machine.node],
    ['etcd', run.machine.etcd],
    ['fsync', `p50 ${ms(run.machine.fsyncP50Ms, 3)} ms, p99 ${ms(run.machine.fsyncP99Ms, 3)} ms`],
  ].map(([name, value]) => markup`<dt>${name ?? ''}</dt><dd>${value ?? ''}</dd>`)}</dl>
<h3>Parameters</h3><dl>${Object.entries(run.parameters).map(([name, value]) => markup`<dt>${name}</dt><dd>${typeof value === 'string' ? value : (JSON.stringify(value) ?? '–')}</dd>`)}</dl></section>`
