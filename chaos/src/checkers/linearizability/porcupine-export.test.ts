import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseHistory } from '../../history/history-text.ts'
import { checkLinearizable } from '../linearizable.ts'
import { judgeRegister } from './judge-register.ts'
import { exportForPorcupine } from './porcupine-export.ts'
import type { PorcupineOperation } from './porcupine-export.ts'
import type { RegisterOperation } from './register-operation.ts'

const FOLDER = new URL('../../../histories/', import.meta.url)
const read = (file: string) => parseHistory(readFileSync(new URL(file, FOLDER), 'utf8'))
const samples = readdirSync(FOLDER).filter((file) => file.startsWith('registers-search.'))

function parse(text: string): PorcupineOperation[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as PorcupineOperation]))
}

describe('what is exported for Porcupine', () => {
  it('has the documented form', () => {
    const lines = exportForPorcupine(read('registers-search.good.unknown-late.jsonl'), 'data').split('\n')
    expect(lines.slice(0, 3)).toEqual([
      '{"register":"k","clientId":0,"input":{"f":"write","value":"=a","expected":""},"call":1000,"output":{"value":""},"return":2000}',
      '{"register":"k","clientId":1,"input":{"f":"write","value":"=b","expected":""},"call":3000,"output":{"value":""},"return":null}',
      '{"register":"k","clientId":2,"input":{"f":"read","value":"","expected":""},"call":5000,"output":{"value":"=a"},"return":6000}',
    ])
  })

  it.each(samples)('says all that a judge needs: %s', (file) => {
    const operations = parse(exportForPorcupine(read(file), 'data'))
    const verdicts = [...Map.groupBy(operations, ({ register }) => register).values()].map(
      (own) => judgeRegister(own.map(imported)).verdict,
    )
    const { verdict } = checkLinearizable(read(file), 'data')
    if (verdict === 'valid') expect(new Set(verdicts)).toEqual(new Set(['linearizable']))
    if (verdict === 'invalid') expect(verdicts).toContain('not-linearizable')
  })

  it('gives no client two operations at once', () => {
    for (const file of samples) {
      const byClient = Map.groupBy(parse(exportForPorcupine(read(file), 'data')), ({ clientId }) => clientId)
      for (const own of byClient.values()) {
        const ends = own.map(({ return: end }) => end ?? Infinity)
        expect(
          own.slice(1).every(({ call }, i) => call >= (ends[i] ?? Infinity)),
          file,
        ).toBe(true)
      }
    }
  })
})

function imported({ clientId, input, output, call, return: end }: PorcupineOperation, i: number): RegisterOperation {
  const { f, value, expected } = input
  const action =
    f === 'read' ? { f, value: output.value } : f === 'cas' ? { f, value, expected } : ({ f, value } as const)
  return { name: String(i), client: String(clientId), calledAt: call, returnedAt: end ?? Infinity, action }
}
