import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { confirm } from './confirm.ts'
import { recordedProgram } from './recorded-run.ts'

function asked(typed: string, options: { readonly tty: boolean; readonly given?: boolean }) {
  const stdin = Object.assign(new PassThrough(), { isTTY: options.tty })
  stdin.end(typed)
  const { program, stderr } = recordedProgram({
    stdin,
    signals: new EventEmitter(),
    ...(options.tty ? { columns: 80 } : {}),
  })
  return { stderr, answer: confirm(program.context(), options.given ?? false, 'us is given up.', 'us') }
}

test('a word typed is consent, another is none', async () => {
  const { answer, stderr } = asked('us\n', { tty: true })
  await answer
  expect(stderr).toEqual(['us is given up. Type us to go on:\n'])
  await expect(asked('yes\n', { tty: true }).answer).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await expect(asked('', { tty: true }).answer).rejects.toMatchObject({ code: 'INTERRUPTED' })
})

test('nobody is asked who has agreed, or who cannot answer', async () => {
  const agreed = asked('', { tty: false, given: true })
  await agreed.answer
  expect(agreed.stderr).toEqual([])
  await expect(asked('us\n', { tty: false }).answer).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
