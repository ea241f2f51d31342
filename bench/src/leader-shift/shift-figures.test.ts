import { expect, it } from 'vitest'
import type { Asked } from './demand-stream.ts'
import { spanFigures, spanGapMs } from './shift-figures.ts'

const asked: readonly Asked[] = [
  { region: 'a', countedMs: 0, doneMs: 100 },
  { region: 'a', countedMs: 10, doneMs: 130 },
  { region: 'a', countedMs: 20, failure: 'gone' },
  { region: 'b', countedMs: 20, doneMs: 400 },
  { region: 'a', countedMs: 50, doneMs: 500 },
]

it('are of what was due in the span and asked from the region', () => {
  expect(spanFigures(asked, 'a', { fromMs: 0, untilMs: 50 })).toEqual({
    count: 2,
    failed: 1,
    meanMs: 110,
    p50Ms: 100,
    p99Ms: 120,
    maxMs: 120,
  })
  expect(spanFigures(asked, 'c', { fromMs: 0, untilMs: 50 })).toBeUndefined()
})

it.each([
  { span: { fromMs: 50, untilMs: 450 }, gapMs: 270, what: 'between two answers' },
  { span: { fromMs: 140, untilMs: 390 }, gapMs: 250, what: 'without any' },
  { span: { fromMs: 0, untilMs: 140 }, gapMs: 100, what: 'before the first' },
  { span: { fromMs: 350, untilMs: 490 }, gapMs: 90, what: 'after the last' },
])('the longest time without an answer, $what', ({ span, gapMs }) => {
  expect(spanGapMs(asked, span)).toBe(gapMs)
})
