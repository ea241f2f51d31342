import { compareTokens } from '@meridian/topology'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { LostBranches } from './lost-branches.ts'
import { isAnswered, operationsOf } from './operations.ts'
import type { Answered } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I17: clients never go back. Per client and shard the tokens of answers never fall, in the order in which it took
 * them, and what it asks after an answer is not answered from before it. Reads that asked for no more than `stale` may
 * see an earlier position, and what the others went on without when a region was lost is behind nobody. Void unless a token
 * rose.
 */
export function checkClientTokens(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const answers = operationsOf(history)
    .filter(isAnswered)
    .filter(({ tier }) => tier === 'data')
  const lost = new LostBranches(history)
  const pairs = Map.groupBy(answers, ({ client, shard }) => `client ${client}, shard ${shard}`)
  let rises = 0
  for (const [pair, own] of pairs) {
    const taken = own.toSorted((a, b) => a.returnedAt - b.returnedAt)
    rises += checkTokens(pair, taken, findings)
    checkPositions(
      pair,
      taken.filter((answer) => !lost.has(answer)),
      findings,
    )
  }
  if (answers.length === 0) findings.gap('no client had an answer')
  else if (rises === 0) findings.gap('no token rose for any client: nothing was tried')
  const counts = { answers: answers.length, pairs: pairs.size, rises }
  return findings.verdict(`${answers.length} answers; tokens rose ${rises} times, nothing fell`, counts)
}

function checkTokens(pair: string, taken: readonly Answered[], findings: Findings): number {
  let rises = 0
  let highest: Answered | undefined
  for (const answer of taken) {
    const order = highest === undefined ? 0 : compareTokens(parseToken(answer.token), parseToken(highest.token))
    if (order < 0)
      findings.violation(`${pair}: an answer to ${answer.name} under ${answer.token} after one under ${highest?.token}`)
    else highest = answer
    if (order > 0) rises += 1
  }
  return rises
}

/** Answers that came before a question was asked bind its answer; those to questions asked at once do not. */
function checkPositions(pair: string, taken: readonly Answered[], findings: Findings): void {
  const fresh = taken.filter(({ mode }) => mode !== 'stale')
  let at = 0
  let highest: Answered | undefined
  for (const asked of fresh.toSorted((a, b) => a.calledAt - b.calledAt)) {
    for (let next = fresh[at]; next !== undefined && next.returnedAt < asked.calledAt; next = fresh[(at += 1)]) {
      if (highest === undefined || highest.idx < next.idx) highest = next
    }
    if (highest !== undefined && asked.idx < highest.idx)
      findings.violation(
        `${pair}: ${asked.name} was answered from ${asked.idx}, after ${highest.name} from ${highest.idx}`,
      )
  }
}
