/** Largest message in either direction, bytes. Above it the peer is told REQUEST_TOO_LARGE. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
/** Concurrent calls one connection may have open. */
export const CONCURRENT_CALLS_MAX = 1024
/** HTTP/2 window, bytes: the default of 64 KiB would cap a stream at 64 KiB a round trip, 0.27 MB/s over 236 ms. */
export const FLOW_CONTROL_WINDOW_BYTES = 8 * 1024 * 1024
/** A connection without an answer to its ping for this long is dead. */
export const KEEPALIVE_MS = 5000
export const KEEPALIVE_TIMEOUT_MS = 2000
