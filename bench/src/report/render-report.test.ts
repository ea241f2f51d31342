import { describe, expect, test } from 'vitest'
import { sampleResults } from './fixtures/sample-results.ts'
import { renderMatrixSvg, renderReport } from './render-report.ts'
import type { CellLine } from './report-input.ts'

const NAMESPACE = 'http://www.w3.org/2000/svg'
const isCommit = (line: CellLine, leader: string, client: string): boolean =>
  line.operation === 'global-commit' && line.leaderRegion === leader && line.clientRegion === client

/** Whatever a browser would go and get; a namespace is a name and not an address. */
const outsideReferences = (html: string): readonly string[] => [
  ...(html
    .replaceAll(NAMESPACE, '')
    .match(/https?:\/\/|\/\/[a-z]|@import|<script|<link|<img|<iframe|\ssrc=|\shref=/gi) ?? []),
  ...[...html.matchAll(/url\((?!#)[^)]*\)/gi)].map(([found]) => found),
]

/** Every opened element is closed in order: a broken nesting is what a lost escape looks like. */
function unbalanced(html: string): string | null {
  const open: string[] = []
  const empty = new Set(['meta', '!doctype'])
  for (const [, slash, name, inside] of html.matchAll(/<(\/?)([a-z!][a-z0-9]*)((?:"[^"]*"|[^>"])*)>/gi)) {
    if (name === undefined || empty.has(name) || inside?.endsWith('/') === true) continue
    if (slash === '') open.push(name)
    else if (open.pop() !== name) return `</${name}>`
  }
  return open.at(-1) ?? null
}

describe.each([3, 5] as const)('a report over %i regions', (count) => {
  const { run, lines } = sampleResults(count)
  const html = renderReport(run, lines)

  test('refers to nothing outside itself', () => {
    expect(outsideReferences(html)).toEqual([])
    expect(outsideReferences(renderMatrixSvg(run, lines))).toEqual([])
  })

  test('is well nested and gives the same bytes again', () => {
    expect(unbalanced(html)).toBeNull()
    expect(html).not.toMatch(/undefined|NaN|Infinity|\[object/)
    expect(renderReport(structuredClone(run), structuredClone(lines))).toBe(html)
  })

  test('every picture says what it is and has a table beside it', () => {
    const pictures = [...html.matchAll(/<svg [^>]*>/g)].map(([tag]) => tag)
    expect(pictures).toHaveLength(7)
    for (const tag of pictures) {
      expect(tag).toContain('role="img"')
      for (const id of /aria-labelledby="([^"]+)"/.exec(tag)?.[1]?.split(' ') ?? ['none']) {
        expect(html.split(` id="${id}"`)).toHaveLength(2)
      }
    }
    expect(html.split('The same as a table')).toHaveLength(8)
    expect(html.split('</figure>')).toHaveLength(8)
  })

  test('no size or length in a picture is negative', () => {
    expect(html).not.toMatch(/\s(?:width|height|r)="-/)
  })
})

test('the finding names the cheapest place and what the dearest costs', () => {
  const three = sampleResults(3)
  const html = renderReport(three.run, three.lines)
  expect(html).toContain('A global commit costs 160 ms led from Dublin; distance alone is 157')
  expect(html).toContain('<b>2.1 times as much</b>')
  const five = sampleResults(5)
  expect(renderReport(five.run, five.lines)).toContain('more than the mean leads from Oregon')
})

describe('rejected cells', () => {
  const { run, lines } = sampleResults(3)
  const reason = 'the leader changed: eu-west in term 4, us-east in term 5'
  const rejected = lines.map((line) => (isCommit(line, 'eu-west', 'us-east') ? { ...line, rejected: reason } : line))

  test('are shown with their reason, struck through, and rank nobody', () => {
    const html = renderReport(run, rejected)
    expect(html).toContain(`<td class="words reason" colspan="12">rejected: ${reason}</td>`)
    expect(html).toContain('<s>eu-west</s>')
    expect(html).toContain('One of three places is not ranked')
    // Dublin was the cheapest; with a hole in its row the claim passes to the next.
    expect(html).toContain('led from N. Virginia; distance alone')
    expect(renderMatrixSvg(run, rejected)).toContain('>rejected</text>')
  })

  test('everything rejected: nothing is claimed, everything is listed', () => {
    const html = renderReport(
      run,
      lines.map((line) => ({ ...line, rejected: reason })),
    )
    expect(html).toContain('nothing is ranked here')
    expect(html).not.toMatch(/NaN|Infinity|undefined/)
    expect(unbalanced(html)).toBeNull()
  })
})

test('texts from the results are escaped wherever they stand', () => {
  const { run, lines } = sampleResults(3)
  const evil = `"><script>alert('x')</script>&`
  const html = renderReport(
    {
      ...run,
      topology: evil,
      commit: evil,
      date: evil,
      parameters: { [evil]: evil, list: [evil] },
      machine: { ...run.machine, cpu: evil, kernel: evil, node: evil, etcd: evil },
      regions: run.regions.map((region) => ({ ...region, displayName: evil })),
    },
    lines.map((line) => ({ ...line, rejected: line.operation === 'local-read' ? evil : line.rejected })),
  )
  expect(html).not.toContain('<script')
  expect(html).toContain('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;')
  expect(unbalanced(html)).toBeNull()
})

test('what is missing is left out: no cells, no coordinates, no calibration, no direct runs', () => {
  const { run, lines } = sampleResults(3)
  for (const html of [
    renderReport(run, []),
    renderReport({ ...run, regions: run.regions.map((region) => ({ ...region, latitude: null })) }, lines),
    renderReport({ ...run, calibration: [] }, lines),
    renderReport(
      run,
      lines.map((line) => ({ ...line, directP50Ms: null, rawP50Ms: null, oursP99Ms: null })),
    ),
    renderReport({ ...run, regions: run.regions.slice(0, 1) }, lines.slice(0, 1)),
  ]) {
    expect(html).not.toMatch(/NaN|Infinity|undefined/)
    expect(unbalanced(html)).toBeNull()
  }
})

test('the other scheme changes nothing but colours: both are in the file', () => {
  const { run, lines } = sampleResults(3)
  const svg = renderMatrixSvg(run, lines)
  expect(svg).toContain('@media (prefers-color-scheme:dark)')
  expect(svg.startsWith(`<svg xmlns="${NAMESPACE}"`)).toBe(true)
  expect(unbalanced(svg)).toBeNull()
})
