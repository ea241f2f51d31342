import { expect, test } from 'vitest'

import { planLink, toxicsOf } from './link-plan.ts'
import type { LinkAction, LinkState, ObservedLink } from './link-plan.ts'

const whole: LinkState = { outwardDelayMs: 36, returnDelayMs: 35, cut: false }
const created: ObservedLink = { enabled: false, toxics: [] }
const after = (state: LinkState): ObservedLink => ({ enabled: state.cut !== 'refuse', toxics: toxicsOf(state) })

const words = (actions: readonly LinkAction[]): string[] =>
  actions.map((action) => ('toxic' in action ? `${action.kind} ${action.toxic.name}` : action.kind))

test.each<[string, LinkState, ObservedLink, string[]]>([
  ['delays come before the first connection', whole, created, ['add delay_upstream', 'add delay_downstream', 'enable']],
  ['a link without delay has no toxic', { ...whole, outwardDelayMs: 0, returnDelayMs: 0 }, created, ['enable']],
  ['nothing to do', whole, after(whole), []],
  ['black hole', { ...whole, cut: 'blackhole' }, after(whole), ['add hole_upstream', 'add hole_downstream']],
  ['healed', whole, after({ ...whole, cut: 'blackhole' }), ['remove hole_upstream', 'remove hole_downstream']],
  ['refuse', { ...whole, cut: 'refuse' }, after(whole), ['disable']],
  ['accepts again', whole, after({ ...whole, cut: 'refuse' }), ['enable']],
  ['another delay', { ...whole, outwardDelayMs: 40 }, after(whole), ['update delay_upstream']],
  [
    'from black hole to refuse: refuses before the hole is gone',
    { ...whole, cut: 'refuse' },
    after({ ...whole, cut: 'blackhole' }),
    ['disable', 'remove hole_upstream', 'remove hole_downstream'],
  ],
  [
    'from refuse to black hole: accepts after the hole is there',
    { ...whole, cut: 'blackhole' },
    after({ ...whole, cut: 'refuse' }),
    ['add hole_upstream', 'add hole_downstream', 'enable'],
  ],
])('%s', (_, desired, observed, expected) => {
  expect(words(planLink(desired, observed))).toEqual(expected)
})
