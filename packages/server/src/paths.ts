import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** The checkout: the launcher tells, else where this file lies. */
export const HOME = process.env['MERIDIAN_HOME'] ?? path('../../..')
export const PROTO_DIR = path('../../../proto')
/** The program that processes of a region are started with. */
export const MAIN = path('./main.ts')

/** Where `up` keeps its world, and where the commands look for one. */
export const WORLD_DATA = join(HOME, '.meridian/world')
export const DEMO_DATA = join(HOME, '.meridian/demo')

/** Where runs of the simulation that failed are kept. */
export const SIM_DATA = join(HOME, '.meridian/sim')
