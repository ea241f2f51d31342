import { z } from 'zod'

const port = z.int().min(1).max(65_535)
const region = z.string().min(1).max(32)

/** What the front is told by its supervisor, as a JSON file; both are of one version, so nothing here is optional. */
export const frontConfigSchema = z.strictObject({
  regions: z.array(z.strictObject({ id: region, egressPort: port, ingressPort: port })),
  links: z.array(z.strictObject({ source: region, target: region, port })),
  forwards: z.array(
    z.strictObject({
      source: region,
      targetHost: z.string(),
      targetPort: port,
      listenPort: port,
      gatewayOnly: z.boolean(),
    }),
  ),
  toxiproxy: z.strictObject({ binary: z.string(), apiPort: port, logFile: z.string() }),
})

export type FrontConfig = z.infer<typeof frontConfigSchema>

/** The one line the front prints: that everything listens, or why not. */
export const frontReportSchema = z.discriminatedUnion('ready', [
  z.object({ ready: z.literal(true), pid: z.int(), toxiproxyPid: z.int() }),
  z.object({
    ready: z.literal(false),
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.string()),
  }),
])

export type FrontReport = z.infer<typeof frontReportSchema>
