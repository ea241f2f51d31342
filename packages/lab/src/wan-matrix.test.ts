import { fileURLToPath } from 'node:url'

import { MeridianError } from '@meridian/topology'
import { describe, expect, test } from 'vitest'

import { loadWanMatrix, parseWanMatrix } from './wan-matrix.ts'

const aws = await loadWanMatrix(fileURLToPath(new URL('../../../regions/wan/aws.yaml', import.meta.url)))

describe('the AWS matrix', () => {
  test('has its regions in the order in which worlds take them', () => {
    expect(aws.regionIds).toEqual(['us-east', 'eu-west', 'ap-southeast', 'us-west', 'ap-northeast'])
    expect(aws.first(3).regionIds).toEqual(['us-east', 'eu-west', 'ap-southeast'])
  })

  test.each([
    ['us-east', 'eu-west', 70.5, 53.5],
    ['us-east', 'ap-southeast', 235.8, 152.0],
    ['eu-west', 'ap-southeast', 186.6, 109.7],
    ['us-east', 'us-west', 72.5, 34.3],
    ['eu-west', 'us-west', 127.3, 71.6],
    ['ap-southeast', 'us-west', 162.7, 129.8],
    ['us-east', 'ap-northeast', 152.4, 106.5],
    ['eu-west', 'ap-northeast', 204.4, 93.9],
    ['ap-southeast', 'ap-northeast', 77.0, 52.1],
    ['us-west', 'ap-northeast', 100.9, 78.1],
  ])('%s - %s: %f ms measured over a fibre floor of %f ms', (a, b, measuredMs, floorMs) => {
    expect(aws.rttMs(a, b)).toBe(measuredMs)
    expect(aws.rttMs(b, a)).toBe(measuredMs)
    expect(Math.abs((aws.fibreFloorMs(a, b) ?? Number.NaN) - floorMs)).toBeLessThan(0.1)
  })

  test('the two ways of every pair add up to the emulated round trip and differ by 1 ms at most', () => {
    for (const a of aws.regionIds) {
      expect(aws.rttMs(a, a)).toBe(0)
      for (const b of aws.regionIds) {
        const [there, back] = [aws.oneWayMs(a, b), aws.oneWayMs(b, a)]
        expect(there + back).toBe(aws.emulatedRttMs(a, b))
        expect(Math.abs(there - back)).toBeLessThanOrEqual(1)
        expect(Math.abs(aws.emulatedRttMs(a, b) - aws.rttMs(a, b))).toBeLessThanOrEqual(0.5)
      }
    }
    expect([aws.oneWayMs('us-east', 'eu-west'), aws.oneWayMs('eu-west', 'us-east')]).toEqual([36, 35])
  })

  test('may be of some regions in any order, and of places that nobody knows', () => {
    const west = aws.only(['us-west', 'us-east'])
    expect(west.regionIds).toEqual(['us-west', 'us-east'])
    expect(west.rttMs('us-east', 'us-west')).toBe(72.5)
    expect(() => aws.only(['us-west', 'us-west'])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    const bare = parseWanMatrix('name: own\nregions: [{id: a}, {id: b}]\nrttMs: {a: {b: 3}}\n', 'w.yaml')
    expect(bare.region('a')).toMatchObject({ displayName: 'a', provider: 'a', latitude: undefined })
    expect(bare.fibreFloorMs('a', 'b')).toBeUndefined()
  })

  test('refuses regions it does not have', () => {
    expect(() => aws.rttMs('us-east', 'mars')).toThrow(expect.objectContaining({ code: 'REGION_UNKNOWN' }))
    expect(() => aws.first(6)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(() => aws.first(3).rttMs('us-east', 'us-west')).toThrow(expect.objectContaining({ code: 'REGION_UNKNOWN' }))
  })
})

describe('a faulty matrix is refused at the place of the fault', () => {
  const text = (rtt: string, regions = '[a, b, c]'): string => `name: w\nregions:
${regions
  .slice(1, -1)
  .split(', ')
  .map((id) => `  - { id: ${id}, displayName: X, provider: x, latitude: 1, longitude: 2 }\n`)
  .join('')}rttMs:\n${rtt}`

  test.each([
    ['a missing pair', text('  a: { b: 1, c: 2 }\n'), 'w.yaml:7:3 rttMs.b: the round trip of b and c is missing'],
    [
      'a pair twice',
      text('  a: { b: 1, c: 2 }\n  b: { c: 3, a: 1 }\n'),
      'w.yaml:8:14 rttMs.b.a: the pair b, a is given twice',
    ],
    [
      'a pair of one',
      text('  a: { a: 1, b: 1, c: 2 }\n  b: { c: 3 }\n'),
      'w.yaml:7:8 rttMs.a.a: the round trip of a to itself',
    ],
    ['an unknown region', text('  a: { b: 1, c: 2, d: 1 }\n  b: { c: 3 }\n'), 'w.yaml:7:20 rttMs.a.d: unknown region'],
    ['a negative round trip', text('  a: { b: -1, c: 2 }\n  b: { c: 3 }\n'), 'w.yaml:7:11 rttMs.a.b: '],
    ['a region twice', text('  a: { b: 1 }\n', '[a, b, a]'), 'w.yaml:5:11 regions[2].id: region a is listed twice'],
    [
      'half a place',
      'name: w\nregions:\n  - { id: a, latitude: 3 }\n  - { id: b }\nrttMs: { a: { b: 1 } }\n',
      'w.yaml:3:5 regions[0]: a place has both',
    ],
    ['a bad id', text('  a: { b: 1 }\n', '[a, B]'), 'w.yaml:4:11 regions[1].id: not a region id'],
    ['an unknown key', `${text('  a: { b: 1 }\n', '[a, b]')}jitter: 3\n`, 'w.yaml:7:1 jitter: unknown key'],
    ['a missing key', 'name: w\nregions: []\n', 'w.yaml:1:1 rttMs: '],
    ['broken YAML', 'name: w\nregions: [\n', 'w.yaml:3:1 '],
    ['no document', '', 'w.yaml:1:1 '],
  ])('%s', (_, yaml, message) => {
    const refused = (): unknown => parseWanMatrix(yaml, 'w.yaml')
    expect(refused).toThrow(MeridianError)
    expect(refused).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    )
  })

  test('a file that is not there is named', async () => {
    await expect(loadWanMatrix('/nonexistent/wan.yaml')).rejects.toThrow('/nonexistent/wan.yaml')
  })
})
