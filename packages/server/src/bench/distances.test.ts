import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempDir } from '@meridian/testkit'
import { describe, expect, it } from 'vitest'
import { distances } from './distances.ts'

const CSV = 'source,target,ms\na,b,10\na,c,20\na,d,30\nb,c,15\nb,d,25\nc,d,12\n'
const YAML = 'name: mine\nregions: [{id: a}, {id: b}, {id: c}]\nrttMs: {a: {b: 10, c: 20}, b: {c: 15}}\n'

async function file(name: string, text: string) {
  const dir = await tempDir('distances')
  const path = join(dir.path, name)
  await writeFile(path, text)
  return { path, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() }
}

describe('the distances of a benchmark', () => {
  it('are of the first regions of a matrix that comes along', async () => {
    const { topology, matrix, places } = await distances({ topology: 'aws-3' })
    expect(topology).toBe('aws-3')
    expect(matrix.regionIds).toEqual(['us-east', 'eu-west', 'ap-southeast'])
    expect(places[0]).toMatchObject({ displayName: 'N. Virginia', latitude: 39.0438 })
  })

  it('are of a YAML file that says no more than round trips', async () => {
    await using own = await file('My World.yaml', YAML)
    const { topology, matrix, places } = await distances({ topology: 'aws-3', matrix: own.path })
    expect(topology).toBe('my-world-3')
    expect(matrix.rttMs('b', 'c')).toBe(15)
    expect(places[1]).toEqual({ id: 'b', displayName: 'b', latitude: null, longitude: null })
  })

  it('are of some regions of a CSV file, in the order in which they are named', async () => {
    await using own = await file('own.csv', CSV)
    const { topology, matrix } = await distances({ topology: 'aws-3', matrix: own.path, regions: 'd, a,c' })
    expect(topology).toBe('own-3')
    expect(matrix.regionIds).toEqual(['d', 'a', 'c'])
    expect(matrix.rttMs('a', 'd')).toBe(30)
  })

  it.each([
    ['own.csv', CSV, undefined, '3, 5, 7 regions can be measured, each with a voter, not 4'],
    ['own.csv', CSV, 'a,b,mars', '"mars" is not in the WAN matrix'],
    ['own.csv', CSV.replace('15', 'far'), undefined, 'own.csv:5:5 "far" is no round trip'],
    ['own.yaml', YAML.replace('c: 15', 'c: far'), undefined, 'own.yaml:3:35 rttMs.b.c'],
  ])('refuses %s: %#', async (name, text, regions, message) => {
    await using own = await file(name, text)
    const asked = distances({ topology: 'aws-3', matrix: own.path, ...(regions === undefined ? {} : { regions }) })
    await expect(asked).rejects.toThrow(message)
  })

  it.each([
    [{ topology: 'aws' }, '--topology is like aws-3'],
    [{ topology: 'aws-4' }, 'not 4'],
    [{ topology: 'aws-9' }, 'has 1 to 5 regions'],
    [{ topology: 'moon-3' }, 'cannot be read'],
    [{ topology: 'aws-3', regions: 'us-east' }, '--regions picks from a --matrix'],
    [{ topology: 'aws-3', matrix: '/nowhere/rtts.csv' }, '/nowhere/rtts.csv: cannot be read'],
  ])('refuses %j', async (options, message) => {
    await expect(distances(options)).rejects.toThrow(message)
  })
})
