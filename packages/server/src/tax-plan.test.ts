import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { tempDir } from '@meridian/testkit'
import { describe, expect, it } from 'vitest'
import { HOME } from './paths.ts'
import { planJson, planLines, planOf } from './tax-plan.ts'

const AWS = join(HOME, 'regions/wan/aws.yaml')
const layout = { width: 100, paint: (_: string, text: string) => text }
const question = { matrix: AWS, clients: new Map<string, number>(), objective: 'mean' } as const

describe('tax plan', () => {
  it('shows every leader of a set, the best, and what remains when one is down', async () => {
    const plans = await planOf({
      ...question,
      voters: ['us-east', 'eu-west', 'us-west'],
      clients: new Map([
        ['us-east', 3],
        ['eu-west', 1],
      ]),
    })
    expect(planLines(plans, 'mean', layout)).toEqual([
      'demand: us-east 75%, eu-west 25%',
      '',
      'leader   mean ms  worst  quorum  us-east  eu-west',
      'us-east     88.1  141.0    70.5     70.5    141.0',
      'eu-west    123.4  141.0    70.5    141.0     70.5',
      'us-west    158.7  199.8    72.5    145.0    199.8',
      '',
      'best by mean: us-east, 88.1 ms in the mean, 141.0 ms at worst',
      '',
      'if this is down  leader   mean ms  worst',
      'us-east          eu-west    127.3  127.3',
      'eu-west          us-east     72.5   72.5',
      'us-west          us-east     88.1  141.0',
    ])
    expect(planJson(plans, 'mean')).toMatchObject({ plans: [{ best: { leader: 'us-east' } }] })
  })

  it('finds the best sets of a size in a matrix that a user brings', async () => {
    await using folder = await tempDir('plan')
    const file = join(folder.path, 'rtts.csv')
    await writeFile(file, 'a,b,10\na,c,20\nb,c,15\n')
    const plans = await planOf({ ...question, matrix: file, best: 3, objective: 'worst' })
    // The quorum of b is the 10 ms to a, and its farthest client is 15 ms away.
    expect(planLines(plans, 'worst', layout)).toContain('best by worst: b, 18.3 ms in the mean, 25.0 ms at worst')
    await writeFile(file, 'a,b,10\na,c,x\n')
    await expect(planOf({ ...question, matrix: file, best: 3 })).rejects.toThrow(/rtts\.csv:2:5/)
  })

  it('refuses voters that the matrix does not have, and a matrix that is not there', async () => {
    await expect(planOf({ ...question, voters: ['mars'] })).rejects.toMatchObject({ code: 'REGION_UNKNOWN' })
    await expect(planOf({ ...question, matrix: '/nonexistent.csv', best: 3 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
})
