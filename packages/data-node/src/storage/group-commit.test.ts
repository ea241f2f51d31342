import { describe, expect, it } from 'vitest'
import { GroupCommit } from './group-commit.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('group commit', () => {
  it('makes everything of one turn durable at once, in order, before anybody is told', async () => {
    const batches: number[][] = []
    const told: string[] = []
    const commits = new GroupCommit<number>(
      (batch) => batches.push([...batch]),
      (error) => told.push(String(error)),
    )
    const note = (name: string, done: Promise<void>): Promise<void> =>
      done.then(() => void told.push(`${name} after ${batches.length}`))
    const first = [note('1', commits.add(1)), note('2', commits.add(2)), note('settled', commits.settled())]
    expect(batches).toEqual([])
    await Promise.all(first)
    await note('3', commits.add(3))
    await note('nothing', commits.settled())
    expect(batches).toEqual([[1, 2], [3]])
    expect(told).toEqual(['1 after 1', '2 after 1', 'settled after 1', '3 after 2', 'nothing after 2'])
  })

  it('tells nobody anything after a commit has failed, and commits no more', async () => {
    const failures: string[] = []
    let commits = 0
    const group = new GroupCommit<number>(
      () => {
        commits += 1
        throw new Error('disk full')
      },
      (error) => failures.push(String(error)),
    )
    let told = false
    const tell = (): void => {
      told = true
    }
    void group.add(1).then(tell)
    await turn()
    await turn()
    void group.add(2).then(tell)
    void group.settled().then(tell)
    await turn()
    await turn()
    expect({ told, failures, commits }).toEqual({ told: false, failures: ['Error: disk full'], commits: 1 })
  })
})
