import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { tempDir, waitFor } from '@meridian/testkit'
import { expect, test } from 'vitest'

import { pairMatrix, startTestLab } from './fixtures/start-test-lab.ts'

const MAIN = fileURLToPath(new URL('fixtures/grpc-echo.ts', import.meta.url))

function run(
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; line: Promise<unknown> } {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const line = new Promise<unknown>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (text) => resolve(JSON.parse(text)))
    child.once('close', () => reject(new Error(errors)))
  })
  return { child, line }
}

test('grpc-js reaches names that nobody resolves, over the link and with its delay', async () => {
  await using folder = await tempDir('meridian-lab-grpc-')
  await using lab = await startTestLab(pairMatrix(40), folder.path)
  const server = run(['serve', '0'])
  try {
    const { port } = (await server.line) as { port: number }
    const target = `n1.b.wan.test:${port}`
    const over = (await run(['call', target, 'hello'], lab.grpcEnv('a')).line) as { answer: string; tookMs: number }
    expect(over.answer).toBe('hello')
    expect(over.tookMs).toBeGreaterThanOrEqual(40)
    // One that a busy machine delays may be any; one faster than the link has not gone over it.
    await waitFor(
      'a local call that the link does not delay',
      async () => {
        const local = (await run(['call', `127.0.0.1:${port}`, 'hello'], lab.grpcEnv('a')).line) as { tookMs: number }
        return local.tookMs < 40
      },
      { timeoutMs: 60_000 },
    )
    await expect(run(['call', target, 'hello']).line).rejects.toThrow('UNAVAILABLE')

    await lab.links.cutPair('a', 'b')
    await expect(run(['call', target, 'hello'], lab.grpcEnv('a')).line).rejects.toThrow('DEADLINE_EXCEEDED')
    await lab.links.healPair('a', 'b')
    await lab.links.cutPair('a', 'b', 'refuse')
    await expect(run(['call', target, 'hello'], lab.grpcEnv('a')).line).rejects.toThrow('UNAVAILABLE')
  } finally {
    server.child.kill('SIGKILL')
  }
})
