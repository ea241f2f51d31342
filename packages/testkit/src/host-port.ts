/** Where to dial. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, with or without a scheme before it (`http://127.0.0.1:2379`). */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/:]+):(\d+)\/?$/i.exec(text)
  const host = match?.[1]
  const port = Number(match?.[2])
  if (host === undefined || !(port > 0 && port < 65_536)) throw new Error(`'${text}' is not host:port`)
  return { host, port }
}
