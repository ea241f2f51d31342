import { describe, expect, it } from 'vitest'
import { formatCount, formatMs } from './figures.ts'
import { Printer } from './printer.ts'
import { formatTable, wrap } from './table.ts'

function sink() {
  let text = ''
  return { write: (more: string) => (text += more), text: () => text }
}

describe('figures', () => {
  it.each([
    [0.123, '0.12 ms'],
    [7.25, '7.3 ms'],
    [99.94, '99.9 ms'],
    [186.4, '186 ms'],
    [6912, '6.9 s'],
    [61_000, '61 s'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text)
  })

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [135_233, '135,233'],
    [1_234_567, '1,234,567'],
  ])('%d is written %s', (count, text) => {
    expect(formatCount(count)).toBe(text)
  })
})

describe('tables', () => {
  it('put words left and figures right', () => {
    expect(
      formatTable(
        [{ title: 'region' }, { title: 'p50', align: 'right' }],
        [
          ['us-east', '7.1 ms'],
          ['eu', '186 ms'],
        ],
      ),
    ).toEqual(['region      p50', 'us-east  7.1 ms', 'eu       186 ms'])
  })

  it('wrap words', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
    expect(wrap('unbreakable it', 5)).toEqual(['unbreakable', 'it'])
  })
})

describe('the printer', () => {
  it('keeps to 80 columns', () => {
    const { write, text } = sink()
    const printer = new Printer({ write }, false, () => 0)
    printer.heading('load', 'words '.repeat(40).trim())
    expect(
      Math.max(
        ...text()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBe(80)
  })

  it('writes plain lines to a log, and not too many', () => {
    const { write, text } = sink()
    let nowMs = 0
    const printer = new Printer({ write }, false, () => nowMs)
    printer.heading('load', 'words')
    for (; nowMs <= 10_000; nowMs += 100) printer.progress(`at ${nowMs}`)
    expect(text()).toMatch(/words\n {2}at 5000\n {2}at 10000\n$/)
  })

  it('draws progress over itself on a terminal and leaves nothing of it', () => {
    const { write, text } = sink()
    let nowMs = 0
    const printer = new Printer({ write }, true, () => nowMs)
    printer.progress('half')
    nowMs = 1000
    printer.progress('done')
    printer.text('result')
    expect(text()).toBe('\r\x1b[2K  half\r\x1b[2K  done\r\x1b[2Kresult\n')
  })
})
