import { readFile } from 'node:fs/promises'
import { loadWanMatrix, WanMatrix } from '@meridian/lab'
import { parseMatrix } from '@meridian/tax'
import { MeridianError } from '@meridian/topology'

/**
 * Round trips that somebody brings: YAML as `regions/wan/aws.yaml` by the ending of the file's name, else CSV.
 *
 * @throws MeridianError CONFIG_INVALID for a file that cannot be read, or has faults: each with its line
 */
export async function loadRoundTrips(file: string): Promise<WanMatrix> {
  if (/\.ya?ml$/.test(file)) return loadWanMatrix(file)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new MeridianError('CONFIG_INVALID', `${file}: cannot be read`, { details: { file }, cause })
  }
  const { regions: ids, rttMs } = parseMatrix(text, file)
  const rtts = ids.flatMap((a) => ids.filter((b) => a < b).map((b) => [`${a} ${b}`, rttMs(a, b)] as const))
  const place = { latitude: undefined, longitude: undefined }
  return new WanMatrix(
    'own',
    ids.map((id) => ({ id, displayName: id, provider: id, ...place })),
    new Map(rtts),
  )
}
