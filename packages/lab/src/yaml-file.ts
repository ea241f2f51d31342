import { MeridianError } from '@meridian/topology'
import { isCollection, isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'

type Path = readonly PropertyKey[]

/** A fault of the text at a place inside it, as zod reports them: `path` leads to the value, `key` names a key of it. */
export interface YamlFault {
  readonly path: Path
  readonly message: string
  /** Present when the fault is a key of the mapping at `path` and not the mapping itself. */
  readonly key?: string
}

/** What was read, with the means to say where in the file a later check found fault. */
export interface YamlFile<T> {
  readonly value: T
  readonly refuse: (faults: readonly YamlFault[]) => never
}

/**
 * Parses `text` and checks it by `schema`.
 *
 * @throws MeridianError CONFIG_INVALID, its message one `file:line:col what` per fault.
 */
export function parseYamlFile<T>(schema: z.ZodType<T>, text: string, file: string): YamlFile<T> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const raise = (messages: readonly string[]): never => {
    throw new MeridianError('CONFIG_INVALID', messages.join('\n'), { details: { file } })
  }
  const refuse = (faults: readonly YamlFault[]): never =>
    raise(faults.map((fault) => `${at(offsetOf(document, fault))} ${fault.message}`))

  if (document.errors.length > 0) raise(document.errors.map((error) => `${at(error.pos[0])} ${error.message}`))
  const parsed = schema.safeParse(document.toJS())
  if (!parsed.success) return refuse(parsed.error.issues.flatMap(faultsOf))
  return { value: parsed.data, refuse }
}

function faultsOf(issue: z.core.$ZodIssue): YamlFault[] {
  const where = issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: issue.path, key, message: `${where}unknown key ${JSON.stringify(key)}` }))
  }
  return [{ path: issue.path, message: `${where}${issue.message}` }]
}

/** Where the value at the path begins; for what is missing, where the nearest enclosing value begins. */
function offsetOf(document: Document, fault: YamlFault): number {
  for (let depth = fault.path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(fault.path.slice(0, depth), true)
    if (depth === fault.path.length && fault.key !== undefined && isMap(node)) {
      const key = node.items.find((item) => isScalar(item.key) && item.key.value === fault.key)?.key
      if (isScalar(key) && key.range) return key.range[0]
    }
    if ((isScalar(node) || isCollection(node)) && node.range) return node.range[0]
  }
  return 0
}
