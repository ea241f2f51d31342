import type { IEvent } from 'etcd3'
import { describe, expect, it } from 'vitest'
import { RevisionAssembler } from './revision-assembler.ts'

/** `5a` is a put of key a at revision 5, `5-a` its deletion. */
function events(line: string): IEvent[] {
  return line
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [, revision = '', minus, key = ''] = /^(\d+)(-?)(\w+)$/.exec(word) ?? []
      const kv = {
        key: Buffer.from(key),
        value: Buffer.from(word),
        create_revision: '1',
        mod_revision: revision,
        version: '1',
        lease: '0',
      }
      return { type: minus === '-' ? 'Delete' : 'Put', kv, prev_kv: kv }
    })
}

const ROWS: readonly (readonly [name: string, fragments: readonly string[], whole: readonly string[]])[] = [
  ['one response', ['5a 5b 6a'], ['5a,5b 6a']],
  ['cut between revisions', ['5a 5b', '6a'], ['', '5a,5b 6a']],
  ['cut within a revision', ['5a', '5b 6a', '6-b 7a'], ['', '5a,5b', '6a,6-b 7a']],
  ['one revision in three', ['5a', '5b', '5c'], ['', '', '5a,5b,5c']],
  ['an empty last fragment', ['5a 5b', ''], ['', '5a,5b']],
]

describe('fragments of a watch', () => {
  it.each(ROWS)('%s', (_name, fragments, whole) => {
    const assembler = new RevisionAssembler()
    const seen = fragments.map((line, i) =>
      assembler
        .add(events(line), i === fragments.length - 1)
        .map(({ revision, changes }) =>
          changes.map(({ key, value }) => `${revision}${value === undefined ? '-' : ''}${key}`).join(','),
        )
        .join(' '),
    )
    expect(seen).toEqual(whole)
  })
})
