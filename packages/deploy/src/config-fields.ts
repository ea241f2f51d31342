import { isIP } from 'node:net'
import { isAddress, MeridianError, nodeId, regionComplaint, regionId, zoneId } from '@meridian/topology'
import { z } from 'zod'
import { parseByteSize } from './byte-size.ts'
import { parseDuration } from './duration.ts'

/** A text that `parse` turns into a value or answers with a complaint. */
function parsed<T>(parse: (text: string) => { value: T } | { complaint: string }) {
  return z.string().transform((text, context): T => {
    const result = parse(text)
    if ('value' in result) return result.value
    context.issues.push({ code: 'custom', message: result.complaint, input: text })
    return z.NEVER
  })
}

function constructed<T>(make: (text: string) => T) {
  return parsed((text) => {
    try {
      return { value: make(text) }
    } catch (error) {
      if (error instanceof MeridianError) return { complaint: error.message }
      throw error
    }
  })
}

const plain = (accepts: (text: string) => boolean, what: string) =>
  parsed((text) =>
    accepts(text) ? { value: text } : { complaint: `${JSON.stringify(text.slice(0, 80))} is no ${what}` },
  )

export const regionIdField = constructed(regionId)
export const zoneIdField = constructed(zoneId)
export const nodeIdField = constructed(nodeId)

/** Shared with the record that a region stores of itself: what is refused there is refused here, with a line number. */
export const displayNameField = z.string().refine((displayName) => {
  return regionComplaint({ region: regionId('any'), displayName, servers: [] }) === undefined
}, 'must be 1 to 64 printable characters')

/** Milliseconds of a text such as `9s` or `250ms`, more than none. */
export const durationField = parsed((text) => {
  const ms = parseDuration(text)
  return ms === undefined || ms === 0
    ? { complaint: `${JSON.stringify(text.slice(0, 80))} is no duration such as 9s, 250ms or 1h` }
    : { value: ms }
})

/** Bytes of a text such as `2GiB`. */
export const byteSizeField = parsed((text) => {
  const bytes = parseByteSize(text)
  return bytes === undefined || bytes === 0
    ? { complaint: `${JSON.stringify(text.slice(0, 80))} is no size such as 512MiB or 2GiB` }
    : { value: bytes }
})

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

/** What others dial: a name or an IP address, without a port. */
export const hostField = parsed((text) => {
  if (text === '0.0.0.0' || text === '::') {
    return { complaint: `${text} is no address that others can dial; it belongs into "listen"` }
  }
  // Four numbers with dots would pass as a name, and 10.0.0.256 is nobody's name.
  const numeric = /^[0-9.]+$/.test(text)
  return isIP(text) > 0 || (!numeric && HOST_NAME.test(text))
    ? { value: text }
    : { complaint: `${JSON.stringify(text.slice(0, 80))} is no host name or IP address (and takes no port)` }
})

/** What this machine binds: an IP address, so that no resolver decides who can reach us. */
export const listenField = plain((text) => isIP(text) > 0, 'IP address to listen on')

export const hostPortField = plain(isAddress, 'host:port')

const url = (protocol: string) =>
  plain(
    (text) => text.startsWith(`${protocol}://`) && isAddress(text.slice(protocol.length + 3)),
    `${protocol}://host:port`,
  )

export const httpEndpointField = url('http')
export const natsEndpointField = url('nats')
