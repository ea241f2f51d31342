import { MeridianError } from '@meridian/topology'
import { isCollection, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'
import { visibleText } from './visible-text.ts'

/** Longest configuration file that is read, bytes of UTF-16 text; ours are a few kilobytes. */
export const CONFIG_CHARS_MAX = 1 << 20
/** Problems listed in one error; what a person can read, and a bound for hostile files. */
export const PROBLEMS_MAX = 100

/** What is wrong at a place of the document; `path` leads to the value, `key` names an entry of the mapping there. */
export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly key?: string
}

/**
 * Parses `text` as YAML 1.2 and checks it by `schema` and by `crossCheck`, which sees the unparsed value (anything may be
 * in it) and so can speak although the schema refuses some other place: all problems come at once, in the file's order.
 *
 * @param file how the file is named in messages.
 * @throws MeridianError CONFIG_INVALID, one line `file:line:col path: message` per problem.
 */
export function parseYaml<S extends z.ZodType>(
  schema: S,
  text: string,
  file: string,
  crossCheck: (raw: unknown) => Problem[] = () => [],
): z.output<S> {
  const lines = new LineCounter()
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const refuse = (found: readonly { offset: number; text: string }[], cause?: unknown): never => {
    const sorted = [...found].sort((a, b) => a.offset - b.offset)
    const listed = sorted.slice(0, PROBLEMS_MAX).map((problem) => `${place(problem.offset)} ${problem.text}`)
    if (sorted.length > PROBLEMS_MAX) listed.push(`${file}: and ${sorted.length - PROBLEMS_MAX} more`)
    throw new MeridianError('CONFIG_INVALID', listed.join('\n'), {
      details: { file, problems: String(sorted.length) },
      ...(cause === undefined ? {} : { cause }),
    })
  }

  if (text.length > CONFIG_CHARS_MAX) return refuse([{ offset: 0, text: `longer than ${CONFIG_CHARS_MAX} characters` }])
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  if (document.errors.length > 0) {
    return refuse(document.errors.map((error) => ({ offset: error.pos[0], text: visibleText(error.message) })))
  }
  let raw: unknown
  try {
    raw = document.toJS()
  } catch (error) {
    // Aliases that multiply beyond the parser's bound are only noticed here.
    return refuse([{ offset: 0, text: visibleText(error instanceof Error ? error.message : String(error)) }], error)
  }
  const parsed = schema.safeParse(raw)
  const problems = [...(parsed.success ? [] : parsed.error.issues.flatMap(problemsOf)), ...crossCheck(raw)]
  if (problems.length > 0 || !parsed.success) {
    return refuse(problems.map((problem) => ({ offset: offsetOf(document, problem), text: textOf(problem) })))
  }
  return parsed.data
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: issue.path, key, message: 'unknown key' }))
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return [{ path: issue.path, message: missing ? `missing (${issue.expected})` : issue.message }]
}

function textOf({ path, key, message }: Problem): string {
  const where = formatPath(key === undefined ? path : [...path, key])
  return visibleText(where === '' ? message : `${where}: ${message}`)
}

/** `regions[1].zones[0]`; keys that are no plain words are quoted, so that a key cannot write a line of its own. */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((before, part) => {
    if (typeof part === 'number') return `${before}[${part}]`
    const key = String(part)
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) return `${before}[${JSON.stringify(key)}]`
    return before === '' ? key : `${before}.${key}`
  }, '')
}

/** Where the value at the path begins; for what is missing, where the nearest enclosing value begins. */
function offsetOf(document: Document, { path, key }: Problem): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
    if (depth === path.length && key !== undefined && isMap(node)) {
      const named = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)?.key
      if (isScalar(named) && named.range) return named.range[0]
    }
    if ((isScalar(node) || isCollection(node)) && node.range) return node.range[0]
  }
  return 0
}
