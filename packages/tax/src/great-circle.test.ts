import { expect, test } from 'vitest'

import { fibreFloorRttMs, greatCircleKm } from './great-circle.ts'

const VIRGINIA = { latitude: 39.0438, longitude: -77.4874 }
const DUBLIN = { latitude: 53.3498, longitude: -6.2603 }

test('Virginia to Dublin', () => {
  expect(greatCircleKm(VIRGINIA, DUBLIN)).toBeCloseTo(5_455, -2)
  expect(fibreFloorRttMs(VIRGINIA, DUBLIN)).toBeCloseTo(53.5, 0)
})

test('the antipodes are half a circumference away, a place from itself nothing', () => {
  expect(greatCircleKm({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 180 })).toBeCloseTo(20_015, 0)
  expect(fibreFloorRttMs(DUBLIN, DUBLIN)).toBe(0)
})
