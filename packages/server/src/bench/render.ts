import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { outageFigures, parseResults, renderMatrixSvg, renderReport, resultsBlock, withBlocks } from '@meridian/bench'
import { HOME } from '../paths.ts'
import { writeResults } from './results.ts'
import { RESULTS_DIR } from './world-options.ts'

/** Documents that hold figures of the last runs. */
const DOCUMENTS = ['README.md', 'docs/latency-tax.md', 'docs/guarantees.md']
/** Exit code of `--check` when something is not what the results say. */
const STALE = 1

/** Path to content of everything that follows from the results files. */
export async function renderedFigures(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(RESULTS_DIR)).filter((name) => name.endsWith('.jsonl'))
  const texts = new Map<string, string>()
  for (const name of names) texts.set(name.replace(/\.jsonl$/, ''), await readFile(join(RESULTS_DIR, name), 'utf8'))
  const rendered = new Map<string, string>()
  for (const [name, text] of texts) {
    if (!name.startsWith('latency-tax-')) continue
    const { run, lines } = parseResults(text)
    rendered.set(join(RESULTS_DIR, `${name}.html`), renderReport(run, lines))
    rendered.set(join(RESULTS_DIR, `${name}.svg`), renderMatrixSvg(run, lines))
  }
  for (const document of DOCUMENTS) {
    const path = join(HOME, document)
    const text = await readFile(path, 'utf8')
    rendered.set(
      path,
      withBlocks(text, (name) => (name === 'outages' ? outageFigures(texts) : resultsBlock(name, texts.get(name)))),
    )
  }
  return rendered
}

/** `meridian bench render`. @returns the exit code */
export async function benchRender({ check = false }: { readonly check?: boolean }): Promise<number> {
  const stale: string[] = []
  for (const [path, content] of await renderedFigures()) {
    const present = await readFile(path, 'utf8').catch(() => undefined)
    if (present === content) continue
    stale.push(relative(HOME, path))
    if (!check) await writeResults(join(path, '..'), new Map([[path.slice(path.lastIndexOf('/') + 1), content]]))
  }
  const said = stale.length === 0 ? 'everything is what bench/results says' : stale.join('\n')
  process.stdout.write(`${said}\n`)
  return check && stale.length > 0 ? STALE : 0
}
