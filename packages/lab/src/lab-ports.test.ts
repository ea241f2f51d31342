import { expect, test } from 'vitest'

import { assertPortsFree, PortPlan } from './lab-ports.ts'

test.each([1, 2, 3, 5])('a world of %i regions gives every listener a port of its own', (count) => {
  const regions = Array.from({ length: count }, (_, index) => `r${index}`)
  const forward = { source: 'r0', targetHost: 'r0.wan.test', targetPort: 1, listenPort: 40, gatewayOnly: false }
  const plan = new PortPlan(regions, {
    toxiproxyApi: 9,
    pairBase: 10,
    egressBase: 30,
    ingressBase: 35,
    forwards: [forward],
  })
  const ports = plan.all().map((use) => use.port)
  expect(new Set(ports).size).toBe(ports.length)
  expect(ports).toHaveLength(1 + 2 * count + count * (count - 1) + 1)
  expect(Math.max(...ports.filter((port) => port < 30))).toBe(9 + count * (count - 1))
})

test('a port meant for two, or none at all, is refused before anything listens', async () => {
  const plan = new PortPlan(['a', 'b'], {
    toxiproxyApi: 9,
    pairBase: 10,
    egressBase: 30,
    ingressBase: 31,
    forwards: [],
  })
  await expect(assertPortsFree(plan.all())).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  await expect(assertPortsFree([{ port: 65_536, what: 'x' }])).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  expect(() => plan.egress('c')).toThrow(expect.objectContaining({ code: 'REGION_UNKNOWN' }))
})
