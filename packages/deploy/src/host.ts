import { isIP, isIPv6 } from 'node:net'

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Where processes of the same machine dial a listener bound to `listen`. */
export function dialHost(listen: string): string {
  if (listen === '0.0.0.0') return '127.0.0.1'
  return listen === '::' ? '::1' : listen
}

/** `host:port`, IPv6 addresses in brackets. */
export function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** The two halves of a `host:port`, brackets removed. */
export function splitHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}
